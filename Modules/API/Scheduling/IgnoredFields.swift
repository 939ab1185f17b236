// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// The fields that mean something here, by object of a job; of a job also those that servers set.
private enum KnownFields {
    static let job = names(
        "AllAtOnce Affinities Constraints CreateIndex Datacenters Dispatched ID JobModifyIndex Meta "
            + "Migrate ModifyIndex Name Namespace NodePool NomadTokenID ParameterizedJob ParentID "
            + "Periodic Priority Region Reschedule Spreads Stable Status StatusDescription Stop "
            + "SubmitTime TaskGroups Type Update Version")
    static let group = names(
        "Affinities Constraints Count EphemeralDisk Meta Migrate Name Networks ReschedulePolicy "
            + "RestartPolicy ShutdownDelay Spreads StopAfterClientDisconnect Tasks Update Volumes")
    static let task = names(
        "Affinities Artifacts Config Constraints Driver Env KillSignal KillTimeout Kind Leader "
            + "Lifecycle LogConfig Meta Name Resources RestartPolicy ShutdownDelay User VolumeMounts"
    )
    static let resources = names(
        "CPU Cores Devices DiskMB IOPS MemoryMB MemoryMaxMB Networks")

    /// Case does not count in a body.
    private static func names(_ list: String) -> Set<String> {
        Set(list.split(separator: " ").map { $0.lowercased() })
    }
}

extension BodyFields {
    /// More of them are not named.
    private static var ignoredMax: Int { 64 }

    /// What a job's client says and nobody here listens to: what only Nomad knows, and what nobody
    /// does, such as a name with a letter too many.
    func ignoredFields() throws(APIError) -> [String] {
        var names = strangers(to: KnownFields.job)
        for group in try objects("TaskGroups", max: SchedulingBounds.groupsMax) {
            names += group.strangers(to: KnownFields.group)
            for task in try group.objects("Tasks", max: SchedulingBounds.tasksMax) {
                names += task.strangers(to: KnownFields.task)
                names += try task.object("Resources").strangers(to: KnownFields.resources)
            }
        }
        return Array(names.prefix(Self.ignoredMax))
    }

    private func strangers(to known: Set<String>) -> [String] {
        guard case .object(let members) = node.value else { return [] }
        return members.filter {
            !known.contains($0.name.lowercased()) && $0.node.value.saysSomething
        }
        .prefix(Self.ignoredMax)
        .map { path + String($0.name.unicodeScalars.prefix(64)) }
    }
}

extension JSONValue {
    /// Clients write down every field that they know: most of them empty, zero or false.
    fileprivate var saysSomething: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .number(let number): number.int64 != 0
        case .string(let text): !text.isEmpty
        case .array(let elements): !elements.isEmpty
        case .object(let members): !members.isEmpty
        }
    }
}
