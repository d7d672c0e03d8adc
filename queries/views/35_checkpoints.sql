-- Models whose names say that they are states of one training run: checkpoint-500, step_1000, epoch=3,
-- global_step1000, and several of these together; what follows may be metrics (val_loss=0.12), tokens or a
-- part. Of a revision that was named by its branch (owner/name@step_1000) the branch says it.
CREATE VIEW checkpoints AS
WITH named AS (
    SELECT repo_id, revision, regexp_extract(
        repo_id || coalesce('/' || branch, ''),
        '^(.*?)(?:^|[/_.-])((?:checkpoint|ckpt|global_?step|step|epoch|iter(?:ation)?)[-_=]?\d+'
        || '(?:[-_.](?:(?:global_?step|step|epoch|iter(?:ation)?)[-_=]?\d+|\w+=[\d.]+'
        || '|tokens?[-_=]?\d+[kmbt]?))*)(/.*)?$',
        ['run', 'state', 'part'],
        'i'
    ) AS name
    FROM (SELECT DISTINCT repo_id, revision FROM commits) LEFT JOIN models USING (repo_id, revision)
)
SELECT
    repo_id,
    revision,
    ltrim(name.run || name.part, '/') AS run,
    try_cast(regexp_extract(name.state, 'epoch[-_=]?(\d+)', 1, 'i') AS BIGINT) AS epoch,
    try_cast(regexp_extract(
        name.state, '(?:checkpoint|ckpt|step|iter(?:ation)?)[-_=]?(\d+)', 1, 'i'
    ) AS BIGINT) AS step
FROM named
WHERE name.state <> '';
