-- How many new models and new revisions did each watch see in each week?
-- param watch: text = null  (only this watch)
-- empty: no watch has seen a release; look for some: zoo track WATCH.toml
SELECT
    date_trunc('week', seen_at)::DATE AS week, watch,
    count(*) FILTER (event = 'new') AS new_models,
    count(*) FILTER (event = 'revision') AS new_revisions,
    count(*) FILTER (event IN ('gone', 'renamed')) AS gone,
    count(*) FILTER (event = 'gated') AS gated
FROM releases
WHERE $watch IS NULL OR watch = $watch
GROUP BY ALL
ORDER BY week DESC, watch;
