-- Whose attention has weights whose spread runs over the layers as in this model?
-- The fingerprint of Yoon et al. 2025 (arXiv 2507.03014): Pearson's correlation of the standard deviations of the
-- matrices of one role (q, k, v, fused qkv, attention's output), layer by layer, with models that have as many of
-- them. Unrelated models of one recipe may run alike too: `zoo lineage` tells kinship with error rates.
-- param model: text = required  (repo_id, or its last part)
-- param role: text = null  (only matrices of this role)
-- param least: integer = 6  (layers at least)
-- param limit: integer = 100  (rows)
-- empty: no other model has as many matrices of attention, of a role that this one has, as `least` asks for
WITH entries AS (  -- the same by every method of layers
    SELECT repo_id, revision, role, layer, min(depth) AS depth, min(weight_variance) AS variance
    FROM layers
    WHERE role IN ('q', 'k', 'v', 'qkv', 'attention') AND kind = 'linear' AND weight_variance IS NOT NULL
        AND NOT starts_with(method, 'blocks-') AND NOT starts_with(method, 'delta-')
        AND ($role IS NULL OR role = $role)
    GROUP BY ALL
), spreads AS (
    SELECT
        repo_id, revision, role, sqrt(variance) AS spread,
        row_number() OVER (PARTITION BY repo_id, revision, role ORDER BY depth, layer) AS place,
        count(*) OVER (PARTITION BY repo_id, revision, role) AS layers
    FROM entries
), compared AS (
    SELECT
        a.repo_id, b.repo_id AS other, a.role, a.layers, corr(a.spread, b.spread) AS correlation,
        a.revision, b.revision AS other_revision
    FROM spreads a JOIN spreads b USING (role, layers, place)
    WHERE (a.repo_id = $model OR split_part(a.repo_id, '/', -1) = $model)
        AND (a.repo_id, a.revision) <> (b.repo_id, b.revision)
        AND a.layers >= $least
    GROUP BY ALL
)
FROM compared
WHERE isfinite(correlation)
ORDER BY correlation DESC, repo_id, revision, other, other_revision, role
LIMIT $limit;
