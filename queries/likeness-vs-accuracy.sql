-- Likeness to which reference goes with reported accuracy?
-- Correlations over all other models, the strongest first. Of many references some correlate by
-- chance: `zoo regress --metric likeness:MEASURE:REFERENCE` says how sure one can be of one.
-- param measure: text = null  (only this measure)
-- param dataset: text = null  (only accuracies on this data set)
-- param probe: text = null  (only over the probe whose id begins with this)
-- param reference: text = null  (only this model)
-- param series: text = null  (only models of this series, as scanned)
-- param min_models: count = 4  (fewest models of a row)
-- param limit: count = 100  (rows)
-- empty: no reference was compared with so many models that have a reported accuracy (-p min_models=4)
WITH points AS (
    SELECT
        l.measure, l.other AS reference, l.probe, l.mode, l.neurons, l.selection,
        a.dataset, a.metric AS accuracy_metric, l.repo_id, l.value AS x, a.value AS y
    FROM likeness l
    JOIN accuracy a USING (repo_id)
    WHERE l.value IS NOT NULL AND l.repo_id <> l.other
        AND ($measure IS NULL OR l.measure = $measure)
        AND ($dataset IS NULL OR a.dataset = $dataset)
        AND ($probe IS NULL OR starts_with(l.probe, $probe))
        AND ($reference IS NULL OR l.other = $reference)
        AND ($series IS NULL OR l.repo_id IN (SELECT repo_id FROM models WHERE series = $series))
    -- The revisions compared last stand for their models.
    QUALIFY row_number() OVER (
        PARTITION BY l.measure, l.other, l.probe, l.mode, l.neurons, l.selection,
            a.dataset, a.metric, l.repo_id
        ORDER BY l.computed_at DESC, l.revision DESC, l.other_revision DESC
    ) = 1
), ranked AS (
    SELECT
        *,
        (rank() OVER (x_order) + count(*) OVER (x_order RANGE CURRENT ROW) / 2) AS x_rank,
        (rank() OVER (y_order) + count(*) OVER (y_order RANGE CURRENT ROW) / 2) AS y_rank
    FROM points
    WINDOW
        x_order AS (
            PARTITION BY measure, reference, probe, mode, neurons, selection, dataset,
                accuracy_metric ORDER BY x
        ),
        y_order AS (
            PARTITION BY measure, reference, probe, mode, neurons, selection, dataset,
                accuracy_metric ORDER BY y
        )
)
SELECT
    measure, reference, dataset, accuracy_metric, count(*) AS models,
    corr(y, x) AS pearson, corr(y_rank, x_rank) AS spearman, probe, mode, neurons, selection
FROM ranked
GROUP BY ALL
HAVING count(*) >= $min_models
ORDER BY abs(pearson) DESC NULLS LAST, measure, reference, dataset, accuracy_metric, probe, mode,
    neurons, selection
LIMIT $limit;
