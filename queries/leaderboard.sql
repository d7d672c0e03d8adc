-- How do the models of each series rank by a quality metric, and by reported accuracy?
-- Within one method and one series, each model by its latest revision; lower is better, of metrics of which
-- theory says so (docs/statistics.md). Models most of whose layers look random come last, whatever the metric;
-- those without a value have no rank. Accuracies are on one data set a series: the named one, else the one that
-- most of its models have.
-- param metric: text = alpha_weighted  (a column of `summaries`)
-- param series: text = null  (only this series)
-- param dataset: text = null  (only models with an accuracy on this data set)
-- param accuracy: text = null  (only models with this kind of accuracy: top1, top5, …)
-- param method: text = null  (the method whose id begins with this; else the default one, else the last)
-- param quality: text = all  (of the layers averaged: all, or clear for those with a clear tail)
-- param models: names = null  (only these repo_ids, commas between; one with a comma in "…")
-- param limit: count = 20  (rows)
-- empty: no model has the metric
WITH by_every_method AS (
    SELECT *, max(value) OVER (PARTITION BY series, method) IS NOT NULL AS has_metric
    FROM contenders($metric, $quality)
    WHERE ($series IS NULL OR series = $series)
        AND ($method IS NULL OR starts_with(method, $method))
        AND ($models IS NULL OR repo_id IN (SELECT unnest($models::VARCHAR[])))
), entered AS (
    FROM by_every_method
    WHERE has_metric
    QUALIFY dense_rank() OVER (PARTITION BY series ORDER BY method_order) = 1
), reported AS (
    SELECT e.repo_id, e.series, a.dataset, a.metric AS accuracy_metric, a.value AS accuracy
    FROM entered e JOIN raw.accuracy_by_kind a USING (repo_id)
    WHERE ($dataset IS NULL OR a.dataset = $dataset)
        AND ($accuracy IS NULL OR a.metric = if($accuracy = 'top1', 'accuracy', $accuracy))
), chosen AS (
    SELECT series, dataset, accuracy_metric
    FROM reported
    GROUP BY series, dataset, accuracy_metric
    QUALIFY row_number() OVER (
        PARTITION BY series ORDER BY accuracy_metric <> 'accuracy', count(*) DESC, dataset, accuracy_metric
    ) = 1
), told AS (
    SELECT e.*, r.dataset, r.accuracy_metric, r.accuracy
    FROM entered e
    LEFT JOIN (
        SELECT r.* FROM reported r JOIN chosen c
            ON r.series IS NOT DISTINCT FROM c.series AND r.dataset = c.dataset
            AND r.accuracy_metric = c.accuracy_metric
    ) r USING (repo_id)
    WHERE r.accuracy IS NOT NULL OR ($dataset IS NULL AND $accuracy IS NULL)
), ranked AS (
    SELECT
        *,
        rank() OVER (PARTITION BY series ORDER BY value IS NULL, looks_random, value) AS rank,
        count(value) OVER (PARTITION BY series) AS of,
        -- All among those that have both; of equal ones the first and the last place.
        rank() OVER (both_told ORDER BY looks_random, value) AS place,
        place - 1 + count(*) OVER (both_told ORDER BY looks_random, value RANGE CURRENT ROW) AS last_place,
        rank() OVER (both_told ORDER BY accuracy DESC) AS accuracy_place,
        accuracy_place - 1 + count(*) OVER (both_told ORDER BY accuracy DESC RANGE CURRENT ROW) AS last_accuracy_place
    FROM told
    WINDOW both_told AS (PARTITION BY series, value IS NULL OR accuracy IS NULL)
)
SELECT
    repo_id, series, $metric AS metric, if(value IS NULL, NULL, rank) AS rank, value, accuracy,
    CASE WHEN value + accuracy IS NOT NULL THEN accuracy_place END AS rank_by_accuracy,
    CASE
        WHEN value IS NULL THEN if($quality = 'clear', 'no layer has a clear tail', 'no layer has it')
        WHEN looks_random THEN 'looks random'
    END AS remark,
    CASE
        WHEN value + accuracy IS NULL THEN NULL
        WHEN last_place < accuracy_place THEN format('ranked {} higher', accuracy_place - last_place)
        WHEN last_accuracy_place < place THEN format('ranked {} lower', place - last_accuracy_place)
    END AS disagreement,
    random_like, of, layers AS averaged_layers, dataset, accuracy_metric, method, revision
FROM ranked
ORDER BY series NULLS LAST, rank, repo_id
LIMIT $limit;
