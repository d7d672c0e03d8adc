-- Which layers count, stated here and nowhere else. Whole ones are no parts of a fused layer, which has
-- a row itself. Those of the network are whole and no embeddings. Averaged are those that have a fit, but
-- for fits to a tail that says nothing.
CREATE VIEW raw.whole_layers AS FROM raw.layers WHERE part_of IS NULL;

CREATE VIEW raw.network_layers AS FROM raw.whole_layers WHERE kind IS DISTINCT FROM 'embedding';

CREATE VIEW raw.averaged_layers AS FROM raw.network_layers
WHERE alpha IS NOT NULL AND NOT coalesce(contains(warning, 'degenerate-tail'), false);

-- Those of them whose tail is long enough, and close enough to a power law, to tell α to within a half.
CREATE VIEW raw.clear_layers AS FROM raw.averaged_layers
WHERE num_pl_spikes >= 20 AND D <= 0.15 AND sigma <= 0.5;
