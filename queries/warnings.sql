-- Which layers look over-trained or under-trained, or have a tail too short to tell?
-- Those whose alpha says nothing (degenerate-tail) come last; of a random-like spectrum it says little.
-- param series: text = null  (only models of this series)
-- param model: text = null  (only this repo_id, or its last part)
-- param warning: text = null  (over-trained, under-trained, short-tail or degenerate-tail)
-- param limit: count = 100  (rows)
-- empty: no layer has a warning
SELECT l.repo_id, l.layer, l.warning, l.alpha, l.random_like, l.kind, l.depth, m.series, l.method, l.revision
FROM layers l LEFT JOIN models m USING (repo_id, revision)
WHERE l.warning IS NOT NULL
    AND ($series IS NULL OR m.series = $series)
    AND ($model IS NULL OR l.repo_id = $model OR split_part(l.repo_id, '/', -1) = $model)
    AND ($warning IS NULL OR list_contains(string_split(l.warning, ', '), $warning))
ORDER BY contains(l.warning, 'degenerate-tail'), abs(l.alpha - 4) DESC NULLS LAST, l.repo_id, l.revision, l.method, l.layer
LIMIT $limit;
