-- Which models are kin by their cards, and not by their weights?
-- By `zoo lineage`; related is null where the weights cannot tell, for which the reason stands.
-- param undecided: boolean = true  (also pairs of which the weights cannot tell)
-- param limit: integer = 100  (rows)
-- empty: of no two models that cards call kin do the weights say otherwise; compare more: zoo lineage
SELECT k.repo_id_a, k.repo_id_b, k.declared, k.related, u.value AS units_in_place, u.log10_p,
    u.p_holm, c.value AS aligned_cka, k.reason, k.revision_a, k.revision_b
FROM lineage k
LEFT JOIN lineage u ON u.measure = 'units'
    AND (u.repo_id_a, u.revision_a, u.repo_id_b, u.revision_b)
        = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
LEFT JOIN lineage c ON c.measure = 'aligned_cka'
    AND (c.repo_id_a, c.revision_a, c.repo_id_b, c.revision_b)
        = (k.repo_id_a, k.revision_a, k.repo_id_b, k.revision_b)
WHERE k.measure = 'kinship' AND k.declared IS NOT NULL
    AND (k.related IS FALSE OR ($undecided AND k.related IS NULL))
ORDER BY k.declared = 'kin', k.repo_id_a, k.repo_id_b, k.revision_a, k.revision_b
LIMIT $limit;
