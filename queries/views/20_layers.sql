-- Layers and spectra of published commits. Joined on repo_id too, so that a question about one
-- model is narrowed on both sides and skips the row groups of all others.
CREATE VIEW layers AS
SELECT l.* EXCLUDE (commit_id)
FROM raw.layers l JOIN raw.published p USING (commit_id, repo_id);

CREATE VIEW whole_layers AS
SELECT l.* EXCLUDE (commit_id)
FROM raw.whole_layers l JOIN raw.published p USING (commit_id, repo_id);

CREATE VIEW network_layers AS
SELECT l.* EXCLUDE (commit_id)
FROM raw.network_layers l JOIN raw.published p USING (commit_id, repo_id);

CREATE VIEW averaged_layers AS
SELECT l.* EXCLUDE (commit_id)
FROM raw.averaged_layers l JOIN raw.published p USING (commit_id, repo_id);

CREATE VIEW clear_layers AS
SELECT l.* EXCLUDE (commit_id)
FROM raw.clear_layers l JOIN raw.published p USING (commit_id, repo_id);

CREATE VIEW esds AS
SELECT e.* EXCLUDE (commit_id)
FROM raw.esds e JOIN raw.published p USING (commit_id, repo_id);

-- Averages imported without layers.
CREATE VIEW averages AS
SELECT a.* EXCLUDE (commit_id)
FROM raw.averages a JOIN raw.published p USING (commit_id, repo_id);
