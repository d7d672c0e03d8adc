-- Which models are kin by their cards, and not by their weights?
-- By `zoo lineage`; related is null where the weights cannot tell, for which the reason stands.
-- param undecided: boolean = true  (also pairs of which the weights cannot tell)
-- param limit: count = 100  (rows)
-- empty: of no two models that cards call kin do the weights say otherwise; compare more: zoo lineage
SELECT repo_id_a, repo_id_b, declared, related, units_in_place, log10_p, p_holm, spearman, spearman_log10_p,
    aligned_cka, reason, revision_a, revision_b
FROM raw.kinship
WHERE declared IS NOT NULL AND (related IS FALSE OR ($undecided AND related IS NULL))
ORDER BY declared = 'kin', repo_id_a, repo_id_b, revision_a, revision_b
LIMIT $limit;
