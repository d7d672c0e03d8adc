-- Where do sources report the same thing of a model differently, and by how much?
-- param above: number = 0.5  (only differences above this)
-- param dataset: text = null  (only this data set)
-- empty: no two sources report one accuracy of a model so far apart; ask more: zoo accuracies sync --from SOURCE
SELECT
    r.repo_id, r.dataset, r.metric,
    count(*) AS sources,
    min(r.value) AS lowest, arg_min(r.source, r.value) AS lowest_source,
    max(r.value) AS highest, arg_max(r.source, r.value) AS highest_source,
    max(r.value) - min(r.value) AS difference,
    any_value(a.value) AS picked, any_value(a.source) AS picked_source
FROM accuracies r
JOIN accuracy a ON a.repo_id = r.repo_id AND a.dataset = r.dataset AND a.metric = r.metric
WHERE $dataset IS NULL OR r.dataset = $dataset
GROUP BY r.repo_id, r.dataset, r.metric
HAVING max(r.value) - min(r.value) > $above
ORDER BY difference DESC, r.repo_id;
