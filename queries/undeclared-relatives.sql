-- Which models are kin by their weights, of which no card says so?
-- By `zoo lineage`. The nearest first; the parent is the one that the other seems to have come from.
-- param series: text = null  (only pairs with a model of this series)
-- param limit: count = 100  (rows)
-- empty: no two models are kin by their weights of which no card says so; compare more: zoo lineage
SELECT repo_id_a, repo_id_b, step, parent, units_in_place, log10_p, p_holm, spearman, spearman_log10_p,
    aligned_cka, distance, revision_a, revision_b
FROM raw.kinship
WHERE related AND declared IS NULL AND ($series IS NULL OR EXISTS (
    FROM models m WHERE m.repo_id IN (repo_id_a, repo_id_b) AND m.series = $series
))
ORDER BY distance NULLS LAST, repo_id_a, repo_id_b, revision_a, revision_b
LIMIT $limit;
