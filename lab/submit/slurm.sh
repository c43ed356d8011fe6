#!/bin/sh
# In {{count .Shards "shard"}} on Slurm, and their parts merged when all have ended:
#
#     {{.Run | sh}}
#
# Run this with sh, and give it flags of sbatch's if you like. A second time it goes on where parts were cut short, and
# asks nothing anew that is in whole ones.
set -eu
mkdir -p {{.Dir | word}}

# A task that red cells make fail has its part all the same. One that Slurm requeues goes on where its part ends.
tasks=$(sbatch --parsable --job-name=labrun --array=1-{{.Shards}} --requeue --open-mode=append \
  --output={{.Log "task-%a.log"}}{{range .Options}} {{. | word}}{{end}} "$@" <<'TASK'
#!/bin/sh
exec {{.Task | sh}} {{.Part | word}}"$SLURM_ARRAY_TASK_ID".json{{if not .Jobs}} -j "${SLURM_CPUS_ON_NODE:-0}"{{end}}
TASK
)
tasks=${tasks%%;*} # a federation has the cluster's name behind the number

merge=$(sbatch --parsable --job-name=labrun-merge --dependency=afterany:"$tasks" --requeue --open-mode=append \
  --output={{.Log "merge.log"}}{{range .Options}} {{. | word}}{{end}} "$@" <<'MERGE'
#!/bin/sh
exec {{.Merge | sh}} {{.Part | word}}*.json
MERGE
) || { scancel "$tasks"; exit 1; }
echo "job $tasks asks, in {{count .Shards "task"}}, and job ${merge%%;*} merges what they keep"
