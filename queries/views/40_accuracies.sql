-- What each source reports now: the row retrieved last.
CREATE VIEW accuracies AS
FROM raw.accuracies
QUALIFY row_number() OVER (
    PARTITION BY repo_id, dataset, metric, source
    ORDER BY retrieved_at DESC, split NULLS LAST, value
) = 1;

-- One number per model, data set and metric. Where sources disagree the more accountable wins:
-- a source cited by hand (in a catalogue or a CSV file), then the hub's evaluation results, timm's
-- results tables, torchvision's weight metadata, and last what a model card says of itself.
CREATE VIEW accuracy AS
FROM accuracies
QUALIFY row_number() OVER (
    PARTITION BY repo_id, dataset, metric
    ORDER BY
        list_position(['eval-results', 'timm-csv', 'torchvision', 'card'], source) NULLS FIRST,
        retrieved_at DESC, source
) = 1;
