#!/usr/bin/env bash
# A real Slurm on this machine alone: munge, slurmctld and two slurmd ("nodes" n1 and n2), all on loopback; no systemd,
# no container, no accounting. For tests; as root, on Debian or Ubuntu.
#   slurm_local.sh install | start DIR | stop DIR          after `start`: export SLURM_CONF=DIR/etc/slurm.conf
set -euo pipefail

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # packages may not start services
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; }
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge
}

configure() {
  local host memory i
  mkdir -p "$DIR"/{etc,state,log,run,munge,spool/n1,spool/n2}
  chmod 755 "$DIR"; chmod 700 "$DIR/munge"
  dd if=/dev/urandom of="$DIR/munge/munge.key" bs=1024 count=1 status=none; chmod 400 "$DIR/munge/munge.key"
  host=$(hostname -s); memory=$(( $(awk '/MemTotal/{print int($2/1024)}' /proc/meminfo) / 2 - 200 ))
  cat >"$DIR/etc/slurm.conf" <<C
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort=26817
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool/%n
SlurmctldPidFile=$DIR/run/slurmctld.file
SlurmdPidFile=$DIR/run/%n.file
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SlurmdTimeout=10
SlurmctldTimeout=10
InactiveLimit=0
KillWait=2
MinJobAge=60
ReturnToService=2
MailProg=/bin/true
MpiDefault=none
JobRequeue=1
AccountingStorageType=accounting_storage/none
C
  for i in 1 2; do
    echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((26820 + i)) CPUs=2 RealMemory=$memory" >>"$DIR/etc/slurm.conf"
  done
  echo "PartitionName=main Nodes=n[1-2] Default=YES MaxTime=01:00:00 State=UP OverSubscribe=NO" >>"$DIR/etc/slurm.conf"
}

begin() { # name, command...: in the background; its process id is kept
  local name=$1; shift
  "$@" >"$DIR/log/$name.out" 2>&1 </dev/null &
  echo $! >"$DIR/run/$name.pid"
}

until_true() { # seconds, command...
  local i
  for i in $(seq $(($1 * 5))); do "${@:2}" >/dev/null 2>&1 && return 0; sleep 0.2; done
  echo "not within $1 s: ${*:2}" >&2; return 1
}

both_idle() { [ "$(sinfo -h -N -t idle -o %N | wc -l)" = 2 ]; }

start() {
  configure
  begin munged munged --foreground --force --key-file="$DIR/munge/munge.key" --socket="$DIR/run/munge.socket" \
    --pid-file="$DIR/run/munged.file" --log-file="$DIR/log/munged.log" --seed-file="$DIR/munge/seed"
  until_true 20 munge -n --socket="$DIR/run/munge.socket"
  begin slurmctld slurmctld -D -c
  until_true 30 scontrol ping
  begin n1 slurmd -D -N n1
  begin n2 slurmd -D -N n2
  until_true 60 both_idle
}

stop() {
  local name file
  for name in n1 n2 slurmctld munged; do
    file=$DIR/run/$name.pid
    [ -f "$file" ] || continue
    kill "$(cat "$file")" 2>/dev/null || true
    until_true 10 bash -c "! kill -0 $(cat "$file")" || kill -9 "$(cat "$file")" 2>/dev/null || true
    rm -f "$file"
  done
}

DIR=${2:-}; export SLURM_CONF=$DIR/etc/slurm.conf
case "${1:-}:$DIR" in
  install:*) install_packages ;;
  start:/*) start ;;
  stop:/*) stop ;;
  *) echo "usage: $0 install | start DIR | stop DIR      (DIR is absolute)" >&2; exit 2 ;;
esac
