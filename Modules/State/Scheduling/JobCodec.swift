// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// What was asked of a job. Status, version and indexes are not part of it.

extension ByteWriter {
    mutating func write(_ job: Job) {
        write(job: job.key)
        write(string: job.name)
        write(string: job.region)
        write(choice: job.type)
        write(number: job.priority)
        write(texts: job.datacenters)
        write(string: job.nodePool)
        write(job.isAllAtOnce)
        write(list: job.constraints) { $0.write($1) }
        write(list: job.affinities) { $0.write($1) }
        write(list: job.spreads) { $0.write($1) }
        write(list: job.groups) { $0.write($1) }
        write(optional: job.update) { $0.write($1) }
        write(map: job.meta)
        write(string: job.parentID)
        write(optional: job.periodic) { $0.write(string: $1.text) }
        write(optional: job.parameterized) { $0.write(string: $1.text) }
        write(job.isStopped)
        write(job.submitUnixNanoseconds)
    }

    private mutating func write(_ group: TaskGroup) {
        write(string: group.name)
        write(number: group.count)
        write(list: group.tasks) { $0.write($1) }
        write(list: group.constraints) { $0.write($1) }
        write(list: group.affinities) { $0.write($1) }
        write(list: group.spreads) { $0.write($1) }
        write(list: group.networks) { $0.write($1) }
        write(number: group.ephemeralDisk.sizeMB)
        write(group.ephemeralDisk.isSticky)
        write(group.ephemeralDisk.migrates)
        write(optional: group.restartPolicy) { $0.write($1) }
        write(optional: group.reschedulePolicy) { $0.write($1) }
        write(optional: group.migrate) { $0.write($1) }
        write(optional: group.update) { $0.write($1) }
        write(map: group.volumes) {
            $0.write(string: $1.name)
            $0.write(string: $1.type)
            $0.write(string: $1.source)
            $0.write($1.isReadOnly)
        }
        write(map: group.meta)
        write(optional: group.shutdownDelay) { $0.write(span: $1) }
        write(optional: group.stopAfterClientDisconnect) { $0.write(span: $1) }
    }

    private mutating func write(_ task: JobTask) {
        write(string: task.name)
        write(string: task.driver)
        write(string: task.user)
        write(optional: task.config) { $0.write(string: $1.text) }
        write(map: task.environment)
        write(list: task.constraints) { $0.write($1) }
        write(list: task.affinities) { $0.write($1) }
        write(task.resources)
        write(optional: task.lifecycle) { $0.write($1) }
        write(optional: task.restartPolicy) { $0.write($1) }
        write(map: task.meta)
        write(span: task.killTimeout)
        write(string: task.killSignal)
        write(span: task.shutdownDelay)
        write(task.isLeader)
        write(string: task.kind)
        write(number: task.logs.maxFiles)
        write(number: task.logs.maxFileSizeMB)
        write(optional: task.artifacts) { $0.write(string: $1.text) }
        write(list: task.volumeMounts) {
            $0.write(string: $1.volume)
            $0.write(string: $1.destination)
            $0.write($1.isReadOnly)
            $0.write(string: $1.propagationMode)
        }
    }

    private mutating func write(_ resources: TaskResources) {
        write(number: resources.cpu)
        write(number: resources.cores)
        write(number: resources.memoryMB)
        write(number: resources.memoryMaxMB)
        write(list: resources.networks) { $0.write($1) }
        write(list: resources.devices) {
            $0.write(string: $1.name)
            $0.write(number: $1.count)
            $0.write(list: $1.constraints) { $0.write($1) }
            $0.write(list: $1.affinities) { $0.write($1) }
        }
    }

    private mutating func write(_ network: NetworkRequest) {
        write(string: network.mode)
        write(number: network.megabits)
        write(optional: network.dns) { $0.write($1) }
        write(ports: network.reservedPorts)
        write(ports: network.dynamicPorts)
    }

    mutating func write(_ dns: NetworkRequest.DNSConfiguration) {
        write(texts: dns.servers)
        write(texts: dns.searches)
        write(texts: dns.options)
    }

    mutating func write(ports: [PortRequest]) {
        write(list: ports) {
            $0.write(string: $1.label)
            $0.write(number: $1.value)
            $0.write(signed: $1.to)
            $0.write(string: $1.hostNetwork)
        }
    }

    mutating func write(_ lifecycle: TaskLifecycle) {
        write(choice: lifecycle.hook)
        write(lifecycle.isSidecar)
    }

    private mutating func write(_ constraint: Constraint) {
        write(string: constraint.leftTarget)
        write(string: constraint.operand)
        write(string: constraint.rightTarget)
    }

    private mutating func write(_ affinity: Affinity) {
        write(string: affinity.leftTarget)
        write(string: affinity.operand)
        write(string: affinity.rightTarget)
        write(signed: affinity.weight)
    }

    private mutating func write(_ spread: Spread) {
        write(string: spread.attribute)
        write(number: spread.weight)
        write(list: spread.targets) {
            $0.write(string: $1.value)
            $0.write(number: $1.percent)
        }
    }

    private mutating func write(_ update: UpdateStrategy) {
        write(span: update.stagger)
        write(number: update.maxParallel)
        write(string: update.healthCheck)
        write(span: update.minHealthyTime)
        write(span: update.healthyDeadline)
        write(span: update.progressDeadline)
        write(update.autoRevert)
        write(update.autoPromote)
        write(number: update.canary)
    }

    private mutating func write(_ policy: RestartPolicy) {
        write(number: policy.attempts)
        write(span: policy.interval)
        write(span: policy.delay)
        write(string: policy.mode)
    }

    private mutating func write(_ policy: ReschedulePolicy) {
        write(number: policy.attempts)
        write(span: policy.interval)
        write(span: policy.delay)
        write(optional: policy.delayFunction) { $0.write(choice: $1) }
        write(span: policy.maxDelay)
        write(policy.unlimited)
    }

    private mutating func write(_ migrate: MigrateStrategy) {
        write(number: migrate.maxParallel)
        write(string: migrate.healthCheck)
        write(span: migrate.minHealthyTime)
        write(span: migrate.healthyDeadline)
    }
}
