-- How well have predictions held that were made before an accuracy was reported?
-- Of several predictions of a model the last one before its report counts. `coverage` is the share of
-- reports inside their intervals, to be held against `level`; errors are in the accuracy's unit.
-- param dataset: text = null  (only on this data set)
-- param predictor: text = null  (only by this predictor)
-- empty: no accuracy was predicted before it was reported; predict some: zoo predict
SELECT
    dataset, metric, level, interval, predictor,
    count(reported) FILTER (predicted IS NOT NULL) AS reports,
    count(*) FILTER (reported BETWEEN low AND high) AS inside,
    inside / nullif(reports, 0) AS coverage,
    avg(abs(reported - predicted)) AS mean_error,
    sqrt(avg((reported - predicted) ** 2)) AS rmse,
    avg(high - low) AS mean_width,
    count(predicted) FILTER (reported IS NULL) AS not_reported_yet,
    count(*) FILTER (predicted IS NULL) AS abstained
FROM forecasts
WHERE ($dataset IS NULL OR dataset = $dataset) AND ($predictor IS NULL OR predictor = $predictor)
GROUP BY ALL
ORDER BY dataset, metric, level, interval, predictor;
