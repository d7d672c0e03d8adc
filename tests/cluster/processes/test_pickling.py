"""Results of tasks as bytes."""

import pickle

import numpy as np
import pyarrow as pa

from zoo_analysis.cluster.processes.pickling import pickled


def test_results_come_through_as_pickle_would_have_them() -> None:
    parts = [
        pa.table(
            {
                "name": [f"layer{i}", None],
                "shape": [[i, 2], []],
                "evals": [np.arange(i) / 7, None],
                "empty": pa.nulls(2, pa.float64()),
            }
        )
        for i in range(20)
    ]
    whole = pa.concat_tables(parts).replace_schema_metadata({"made": "here"})
    result = {"tables": {"layers": whole, "none": whole.slice(0, 0)}, "nothing": pa.table({})}
    got = pickle.loads(pickled(result))
    assert got == pickle.loads(pickle.dumps(result))
    assert got["tables"]["layers"].schema.equals(whole.schema, check_metadata=True)
    assert got["tables"]["layers"]["evals"].num_chunks == 1
