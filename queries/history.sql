-- How did a metric change over the training of a model, checkpoint by checkpoint?
-- The checkpoints of one run (`run/checkpoint-500`, `run/step_1000`, `run-epoch=3`) in the order of epoch and
-- step, then the model of the run's own name; and models of which several revisions were scanned, in the
-- order of the steps that their branches name (`owner/name@step1000`), else of their last changes on the
-- hub, else of their scans, which need not be that of training: `in_order_of` says which. `change` is from the
-- row before.
-- param run: text = null  (only this one: what the names have before their steps, or its last part)
-- param metric: text = alpha  (a column of `summaries`)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param limit: count = 1000  (rows)
-- empty: the store holds no two checkpoints of one training run, nor two revisions of a model; scan some: zoo scan run/checkpoint-* or OWNER/NAME@REVISION
WITH states AS (
    SELECT
        coalesce(k.run, v.repo_id) AS run, k.epoch, k.step, v.*, m.modified, c.committed_at
    FROM summary_values($metric, 'all') v
    JOIN commits c USING (repo_id, revision, method)
    LEFT JOIN models m USING (repo_id, revision)
    LEFT JOIN checkpoints k USING (repo_id, revision)
    WHERE $method IS NULL OR starts_with(v.method, $method)
)
SELECT
    run, row_number() OVER training AS place, epoch, step, $metric AS metric, value,
    value - lag(value) OVER training AS change, random_like, layers AS averaged_layers,
    CASE
        WHEN count(coalesce(epoch, step)) OVER whole > 0 THEN 'steps'
        WHEN count(modified) OVER whole = count(*) OVER whole THEN 'last changes'
        ELSE 'scans'
    END AS in_order_of,
    repo_id, method, revision
FROM states
WHERE $run IS NULL OR run = $run OR split_part(run, '/', -1) = $run
WINDOW whole AS (PARTITION BY run, method), training AS (
    PARTITION BY run, method
    ORDER BY epoch NULLS LAST, step NULLS LAST, coalesce(modified, committed_at), committed_at, repo_id
)
QUALIFY count(*) OVER whole > 1
ORDER BY run, method, place
LIMIT $limit;
