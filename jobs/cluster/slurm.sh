#!/bin/bash
# ZOO_STORE=/shared/zoo sbatch --nodes=4 jobs/cluster/slurm.sh imagenet-2020
#
# Takes what `zoo scan` takes; store, cache size and the hub's token come from the environment that
# sbatch hands on. docs/cluster.md says how that one is set up.
#SBATCH --job-name=zoo-scan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=zoo-scan-%j.log
set -euo pipefail

: "${ZOO_STORE:?a folder that all nodes share, or a URI}"
export ZOO_CACHE_SIZE=${ZOO_CACHE_SIZE:-200GB}

# A token for this job alone, in the environment of its processes and in no file.
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token
# Ray waits 30 s for the other nodes, which is short on a shared file system.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=600

# This script runs on the first node, which becomes the head. Where nodes talk over another network
# than that of the first address, set ZOO_HEAD.
read -r first _ <<<"$(hostname -I)"
head=${ZOO_HEAD:-$first}:6379

# The same command on each node: it starts Ray there, and `zoo` on the head alone. It ends with
# `ray stop`, which is why the nodes are --exclusive.
srun --cpu-bind=none --kill-on-bad-exit=1 \
    ray symmetric-run --address "$head" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus "$SLURM_CPUS_ON_NODE" --num-gpus "${SLURM_GPUS_ON_NODE:-0}" \
    --temp-dir "/tmp/ray-$SLURM_JOB_ID" --disable-usage-stats \
    -- zoo scan "$@" --address "$head"
