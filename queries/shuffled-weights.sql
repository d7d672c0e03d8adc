-- Which layers have correlation traps, how large are they, and how far is each spectrum from that of shuffled weights?
-- Of layers scanned with --randomize. Those with traps come first, the one that stands out furthest before others:
-- `trap_size` is a multiple of the shuffled bulk's own edge, `trap_share` what the traps hold of Σλ.
-- param model: text = null  (only this model: repo_id, or its last part)
-- param series: text = null  (only models of this series)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- empty: no layer of these models was set beside its shuffled weights: zoo scan --randomize does it
SELECT
    l.repo_id, l.depth, l.layer, l.num_traps, l.trap_size, l.trap_share,
    l.num_rand_spikes, l.rand_distance, l.ww_softrank, l.ww_maxdist, l.num_spikes,
    l.weight_kurtosis, l.alpha, l.method, l.revision
FROM network_layers l LEFT JOIN models m USING (repo_id, revision)
WHERE l.rand_distance IS NOT NULL
    AND ($model IS NULL OR l.repo_id = $model OR split_part(l.repo_id, '/', -1) = $model)
    AND ($series IS NULL OR m.series = $series)
    AND ($method IS NULL OR starts_with(l.method, $method))
ORDER BY coalesce(l.num_traps, 0) = 0, l.trap_size DESC NULLS LAST, l.repo_id, l.revision, l.method, l.depth, l.layer;
