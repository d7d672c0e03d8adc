-- Where does the tail of each layer begin, and how heavy is it, by every rule that papers use?
-- One row a layer with a fit. `erg_gap` is k* − num_pl_spikes, 0 at SETOL's ideal. `farms_alpha` needs a scan with
-- --window; `peak_…`, `tpl_…` and `etpl_…` need --alternatives: without, they are null.
-- param model: text = null  (only this model: repo_id, or its last part)
-- param series: text = null  (only models of this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- empty: no layer of these models has a fitted tail
SELECT
    l.repo_id, l.depth, l.layer, l.num_evals, l.num_pl_spikes, l.erg_num, l.erg_gap,
    l.xmin, l.erg_xmin, l.peak_xmin,
    l.alpha, l.sigma, l.hill_alpha, l.hill_counted, l.farms_alpha, l.peak_alpha,
    l.tpl_beta, l.tpl_Lambda, l.etpl_beta, l.etpl_Lambda,
    l.warning, l.method, l.revision
FROM network_layers l LEFT JOIN models m USING (repo_id, revision)
WHERE l.alpha IS NOT NULL
    AND ($model IS NULL OR l.repo_id = $model OR split_part(l.repo_id, '/', -1) = $model)
    AND ($series IS NULL OR m.series = $series)
    AND ($method IS NULL OR starts_with(l.method, $method))
ORDER BY l.repo_id, l.revision, l.method, l.depth, l.layer;
