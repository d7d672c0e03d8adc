-- The commit that describes a model revision: the one published last.
CREATE VIEW raw.described AS
FROM raw.published
QUALIFY row_number() OVER (
    PARTITION BY repo_id, revision ORDER BY committed_at DESC, commit_id DESC
) = 1;

-- The series that a model was given last, by hand or by a catalogue, after it had been scanned.
CREATE VIEW assigned_series AS
FROM raw.assigned_series
QUALIFY row_number() OVER (PARTITION BY repo_id ORDER BY assigned_at DESC, series) = 1;

-- One row a model revision. The series that it was given goes before the one that it was scanned with.
CREATE VIEW models AS
SELECT m.* EXCLUDE (commit_id) REPLACE (coalesce(s.series, m.series) AS series)
FROM raw.models m
JOIN raw.described d USING (commit_id, repo_id)
LEFT JOIN assigned_series s USING (repo_id);

-- Tensors of which no number comes.
CREATE VIEW left_out AS
SELECT l.* EXCLUDE (commit_id)
FROM raw.left_out l JOIN raw.described d USING (commit_id, repo_id);
