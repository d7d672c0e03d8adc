-- The commit that counts for each model under each method: the first, whatever races, retries and
-- crashes came after or before it. Rows of any other commit_id are not shown by any view.
CREATE VIEW raw.published AS
FROM raw.commits
QUALIFY row_number() OVER (
    PARTITION BY repo_id, revision, method ORDER BY committed_at, commit_id
) = 1;

-- Methods that measure something else than the layers of a model: what it changed of its base, or what its
-- blocks make together.
CREATE MACRO raw.derived(method) AS regexp_matches(method, '^(delta|blocks)-');

CREATE VIEW commits AS
SELECT * EXCLUDE (commit_id) FROM raw.published;
