-- Which models are kin by their weights, of which no card says so?
-- By `zoo lineage`. The nearest first; the parent is the one that the other seems to have come from.
-- param series: text = null  (only pairs with a model of this series)
-- param limit: integer = 100  (rows)
-- empty: no two models are kin by their weights of which no card says so; compare more: zoo lineage
WITH kin AS (
    SELECT k.* EXCLUDE (value, log10_p, p_holm), u.value AS units_in_place, u.log10_p, u.p_holm, c.value AS aligned_cka,
        d.value AS distance
    FROM lineage k
    LEFT JOIN lineage u ON u.measure = 'units'
        AND (u.repo_id_a, u.revision_a, u.repo_id_b, u.revision_b)
            = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
    LEFT JOIN lineage c ON c.measure = 'aligned_cka'
        AND (c.repo_id_a, c.revision_a, c.repo_id_b, c.revision_b)
            = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
    LEFT JOIN lineage d ON d.measure = 'distance'
        AND (d.repo_id_a, d.revision_a, d.repo_id_b, d.revision_b)
            = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
    WHERE k.measure = 'kinship' AND k.related AND k.declared IS NULL
)
SELECT repo_id_a, repo_id_b, step, parent, units_in_place, log10_p, p_holm, aligned_cka, distance,
    revision_a, revision_b
FROM kin
WHERE $series IS NULL OR EXISTS (
    FROM models m WHERE m.repo_id IN (repo_id_a, repo_id_b) AND m.series = $series
)
ORDER BY distance NULLS LAST, repo_id_a, repo_id_b, revision_a, revision_b
LIMIT $limit;
