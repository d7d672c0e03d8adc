-- What each source reports now: the row retrieved last.
CREATE VIEW accuracies AS
FROM raw.accuracies
QUALIFY row_number() OVER (
    PARTITION BY repo_id, dataset, metric, source
    ORDER BY retrieved_at DESC, split NULLS LAST, value
) = 1;

-- One number per model, data set and metric. Where sources disagree the more accountable wins:
-- a source cited by hand (in a catalogue or a CSV file), then the hub's evaluation results, the Open
-- LLM Leaderboard, timm's results tables, torchvision's weight metadata, and last what a model card says of itself.
CREATE VIEW accuracy AS
FROM accuracies
QUALIFY row_number() OVER (
    PARTITION BY repo_id, dataset, metric
    ORDER BY
        list_position(['eval-results', 'open-llm-leaderboard', 'timm-csv', 'torchvision', 'card'], source) NULLS FIRST,
        retrieved_at DESC, source
) = 1;

-- What was predicted of models while nobody reported it; of several predictions from the same tables one.
CREATE VIEW predictions AS
FROM raw.predictions
QUALIFY row_number() OVER (
    PARTITION BY repo_id, revision, method, dataset, metric, level, of_version
    ORDER BY predicted_at, run_id
) = 1;
