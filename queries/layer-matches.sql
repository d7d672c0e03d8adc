-- Which layer of one model is each layer of another most like?
-- The best match of every layer, from either side; equally good ones are all named.
-- param a: text = required  (a model, or the end of its name)
-- param b: text = required  (another)
-- param measure: text = neuronal  (of activations or weights: zoo measures)
-- param probe: text = null  (only over the probe whose id begins with this)
-- param mode: text = null  (full or partial)
-- param distance: boolean = null  (whether lower is more alike; known of the measures that are installed)
-- empty: these two were not compared layer by layer under this measure; compare them: zoo correlate
WITH both_ways AS (
    SELECT *, coalesce($distance, measure IN (SELECT measure FROM raw.distances)) AS lower_is_more
    FROM layer_likeness
    WHERE measure = $measure
        AND ((ends_with(repo_id, $a) AND ends_with(other, $b))
            OR (ends_with(repo_id, $b) AND ends_with(other, $a)))
        AND ($probe IS NULL OR starts_with(probe, $probe))
        AND ($mode IS NULL OR mode = $mode)
)
SELECT
    l.repo_id, l.layer, l.other, l.other_layer, l.value, l.n_samples, l.measure, l.probe, l.mode,
    l.neurons, l.selection, l.revision, l.other_revision
FROM both_ways l
LEFT JOIN (
    SELECT repo_id, layer, min(depth) AS depth FROM layers GROUP BY ALL
) d ON d.repo_id = l.repo_id AND d.layer = l.layer
QUALIFY rank() OVER (
    PARTITION BY l.repo_id, l.revision, l.other, l.other_revision, l.layer, l.probe, l.mode,
        l.neurons, l.selection
    ORDER BY if(l.lower_is_more, l.value, -l.value)
) = 1
ORDER BY ends_with(l.repo_id, $b), l.revision, l.other_revision, l.probe, l.mode, l.neurons,
    l.selection, d.depth, l.layer, l.other_layer;
