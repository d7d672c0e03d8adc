-- The commit that describes a model revision: the one published last.
CREATE VIEW raw.described AS
FROM raw.published
QUALIFY row_number() OVER (
    PARTITION BY repo_id, revision ORDER BY committed_at DESC, commit_id DESC
) = 1;

-- One row a model revision.
CREATE VIEW models AS
SELECT m.* EXCLUDE (commit_id)
FROM raw.models m JOIN raw.described d USING (commit_id, repo_id);

-- Tensors of which no number comes.
CREATE VIEW left_out AS
SELECT l.* EXCLUDE (commit_id)
FROM raw.left_out l JOIN raw.described d USING (commit_id, repo_id);
