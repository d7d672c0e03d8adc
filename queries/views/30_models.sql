-- One row a model revision, as it was described by the commit published last.
CREATE VIEW models AS
SELECT m.* EXCLUDE (commit_id)
FROM raw.models m JOIN raw.published p USING (commit_id)
QUALIFY row_number() OVER (
    PARTITION BY m.repo_id, m.revision ORDER BY p.committed_at DESC, m.commit_id DESC
) = 1;
