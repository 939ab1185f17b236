// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// How large the objects of the scheduler may be. Far above what is in use; below what would stall a
/// loop, or overflow a sum of all that a job asks.
package enum SchedulingBounds {
    /// Of a job's id and name, of groups, tasks, classes, datacenters, pools, labels: in bytes.
    package static let nameBytesMax = 256
    /// Of targets, values, paths, descriptions.
    package static let textBytesMax = 4096
    /// Of the pattern of a `regexp` constraint.
    package static let patternBytesMax = 1024
    /// Of a driver's settings, and of other JSON that is kept.
    package static let jsonBytesMax = 128 << 10
    package static let groupsMax = 256
    /// In all groups together.
    package static let tasksMax = 1024
    /// In one place: of a job, a group, a task or a device.
    package static let rulesMax = 64
    package static let spreadsMax = 16
    package static let spreadTargetsMax = 64
    package static let datacentersMax = 64
    package static let networksMax = 16
    package static let portsMax = 256
    package static let devicesMax = 32
    package static let volumesMax = 64
    /// Of metadata, an environment, attributes.
    package static let mapMax = 1024
    package static let deviceGroupsMax = 64
    package static let deviceInstancesMax = 1024
    package static let coresMax = 4096
    package static let driversMax = 64
    package static let addressesMax = 64
    /// Instances of all groups of a job together.
    package static let instancesMax = 100_000
    /// Canaries of all groups of a job together: a deployment keeps a list of them.
    package static let canariesMax = 10_000
    /// Instances of all groups of a sysbatch job on one node.
    package static let instancesOfNodeMax = 1024
    /// Places that one evaluation of a system or sysbatch job fills.
    package static let seatsMax = 1 << 18
    /// Of each amount: MHz, megabytes, cores, megabits.
    package static let amountMax = Int(Int32.max)
    /// A hundred years: behind any instant of this century, and still below 2^63 nanoseconds.
    package static let durationMax = GoDuration(nanoseconds: 3_155_760_000 * 1_000_000_000)

    /// Of a body that holds a job.
    package static let jobLimits = JSONLimits(
        depthMax: 64, bytesMax: 1 << 20, valuesMax: 1 << 16)
    /// Of a body that holds a node.
    package static let nodeLimits = JSONLimits(
        depthMax: 16, bytesMax: 256 << 10, valuesMax: 1 << 14)
    /// Of what a node tells of its allocations: a batch.
    package static let updateLimits = JSONLimits(
        depthMax: 16, bytesMax: 1 << 20, valuesMax: 1 << 16)
    package static let updatesMax = 1024
}
