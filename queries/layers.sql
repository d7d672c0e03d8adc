-- What are the layers of one model, and how good does each of them look?
-- param model: text = required  (repo_id, or its last part)
-- param method: text = null  (only numbers of methods whose id begins with this)
-- empty: the model has no layers: imported averages have none
SELECT
    layer, repo_id, shape, alpha, D, sigma, random_like, warning, status, alpha_weighted,
    log_alpha_norm, log_norm, log_spectral_norm, stable_rank, mp_softrank, num_spikes, mp_ks,
    kind, role, depth, num_evals, method, revision
FROM layers
WHERE repo_id IN (
        SELECT repo_id FROM commits
        WHERE repo_id = $model OR split_part(repo_id, '/', -1) = $model
    )
    AND ($method IS NULL OR starts_with(method, $method))
ORDER BY repo_id, revision, method, depth, layer;
