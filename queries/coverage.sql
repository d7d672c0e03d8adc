-- How much of each model was measured, and why is the rest left out?
-- One row a model revision, the least covered first. coverage is the share of what lies in matrices; packed
-- and not_understood is what lacks there. not_measured is the sum of all columns after it. Models imported
-- from tables have no books.
-- param series: text = null  (only this series)
-- param below: number = null  (only models whose coverage is less)
-- param limit: count = 1000  (rows)
-- empty: no model has its elements accounted for: imported ones have no tensors
SELECT
    m.repo_id, m.coverage, m.parameters_total,
    m.parameters_total - m.parameters_measured AS not_measured,
    sum(l.elements) FILTER (l.reason = 'packed') AS packed,
    sum(l.elements) FILTER (l.reason IN ('not-understood', 'factor')) AS not_understood,
    sum(l.elements) FILTER (l.reason = 'vector') AS vectors,
    sum(l.elements) FILTER (l.reason IN ('token', 'position-table', 'buffer', 'mask', 'codebook')) AS tables_and_buffers,
    sum(l.elements) FILTER (l.reason IN ('copy', 'tied', 'training-state')) AS copies,
    m.series, m.parameters_measured, m.weights_format, m.revision
FROM models m LEFT JOIN left_out l USING (repo_id, revision)
WHERE m.parameters_total IS NOT NULL
    AND ($series IS NULL OR m.series = $series)
    AND ($below IS NULL OR m.coverage < $below)
GROUP BY ALL
ORDER BY m.coverage, m.repo_id, m.revision
LIMIT $limit;
