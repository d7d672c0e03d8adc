-- How do the heads of attention differ, by the products that no change of basis alters?
-- One row a head: of W_Qᵀ·W_K (qk, what it looks for) and of W_O·W_V (ov, what it writes). The spectra have as
-- many eigenvalues as the head is wide (`width`); the zeros beyond are no part of them.
-- param model: text = null  (only this model: repo_id, or its last part)
-- param series: text = null  (only models of this series)
-- param method: text = blocks-  (only numbers of methods whose id begins with this)
-- empty: no model has heads of attention that were measured: zoo scan --blocks measures them
WITH heads AS (
    SELECT
        l.*,
        regexp_extract(l.layer, '^(.*)\[(?:qk|ov),[0-9]+\]$', 1) AS block,
        regexp_extract(l.layer, ',([0-9]+)\]$', 1)::INTEGER AS head
    FROM network_layers l LEFT JOIN models m USING (repo_id, revision)
    WHERE l.kind = 'product'
        AND ($model IS NULL OR l.repo_id = $model OR split_part(l.repo_id, '/', -1) = $model)
        AND ($series IS NULL OR m.series = $series)
        AND starts_with(l.method, $method)
)
SELECT
    q.repo_id, q.depth, q.block, q.head, q.M AS width,
    q.alpha AS qk_alpha, o.alpha AS ov_alpha,
    q.effective_rank AS qk_rank, o.effective_rank AS ov_rank,
    q.stable_rank AS qk_stable_rank, o.stable_rank AS ov_stable_rank,
    q.log_norm AS qk_log_norm, o.log_norm AS ov_log_norm,
    q.warning AS qk_warning, o.warning AS ov_warning,
    q.method, q.revision
FROM heads q JOIN heads o USING (repo_id, revision, method, block, head)
WHERE q.role = 'qk' AND o.role = 'ov'
ORDER BY q.repo_id, q.revision, q.method, q.depth, q.block, q.head;
