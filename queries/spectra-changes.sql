-- Which layers' spectra changed most from one revision of a model to the next?
-- `change` is the distance of the two sets of singular values as a share of the former's norm: no
-- less of the weights themselves has changed (Mirsky 1960). Null where their number differs.
-- param model: text = null  (only this repo_id, or its last part)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- param limit: count = 100  (rows)
-- empty: the store holds no model at two revisions; scan another one: zoo scan OWNER/NAME@REVISION
WITH ordered AS (
    SELECT
        repo_id, revision, method,
        lead(revision) OVER (
            PARTITION BY repo_id, method ORDER BY committed_at, revision
        ) AS next
    FROM commits
    WHERE ($model IS NULL OR repo_id = $model OR split_part(repo_id, '/', -1) = $model) AND ($method IS NULL OR starts_with(method, $method))
), spectra AS (
    SELECT e.repo_id, e.revision, e.method, e.layer, e.eigenvalues, l.alpha
    FROM esds e JOIN layers l USING (repo_id, revision, method, layer)
    WHERE e.repo_id IN (SELECT repo_id FROM ordered WHERE next IS NOT NULL)
)
SELECT
    a.layer, o.repo_id,
    CASE WHEN len(a.eigenvalues) = len(b.eigenvalues) THEN sqrt(
        list_sum(list_transform(
            list_zip(a.eigenvalues, b.eigenvalues),
            lambda pair: (sqrt(greatest(pair[1], 0)) - sqrt(greatest(pair[2], 0))) ** 2
        )) / nullif(list_sum(a.eigenvalues), 0)
    ) END AS change,
    list_max(a.eigenvalues) AS lambda_max_before, list_max(b.eigenvalues) AS lambda_max_after,
    a.alpha AS alpha_before, b.alpha AS alpha_after,
    o.method, o.revision AS before, o.next AS after
FROM ordered o
JOIN spectra a ON a.repo_id = o.repo_id AND a.revision = o.revision AND a.method = o.method
JOIN spectra b ON b.repo_id = o.repo_id AND b.revision = o.next AND b.method = o.method
    AND b.layer = a.layer
ORDER BY change DESC NULLS LAST, o.repo_id, o.method, a.layer
LIMIT $limit;
