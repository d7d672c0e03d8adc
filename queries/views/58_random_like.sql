-- The share of a model's layers that look random: no eigenvalue beyond the edge of the Marchenko–Pastur
-- bulk, and the largest one at that edge. It is said of spectra, not of accuracies.
CREATE VIEW raw.random_like AS
SELECT
    repo_id, commit_id,
    avg((num_spikes = 0 AND mp_softrank > 0.9)::INTEGER) AS random_like
FROM raw.network_layers
WHERE num_spikes IS NOT NULL AND mp_softrank IS NOT NULL
GROUP BY ALL;
