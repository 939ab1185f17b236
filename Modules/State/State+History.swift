// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension State {
    /// O(n): meant for whoever asks for it.
    package internal(set) var history: History {
        get {
            var whole = terms
            for event in eventLog.events { whole.record(event) }
            return whole
        }
        set {
            terms = History()
            for leader in newValue.leaders { _ = terms.record(leader) }
            eventLog = EventLog()
            for event in newValue.events { eventLog.append(event) }
        }
    }

    mutating func record(_ event: HistoryEvent, at index: UInt64) {
        var event = event
        event.index = index
        eventLog.append(event)
        historyIndex = index
    }

    mutating func record(_ leader: LeadershipTerm, at index: UInt64) -> CommandResult {
        var leader = leader
        leader.index = index
        guard terms.record(leader) else { return .unchanged }
        historyIndex = index
        return .applied(modifyIndex: index)
    }

    /// - Precondition: the configuration is not stored yet.
    mutating func record(
        _ configuration: AutopilotConfiguration, by author: HistoryEvent.Author?, at index: UInt64
    ) {
        guard let author else { return }
        let changes = configuration.changes(from: autopilot ?? AutopilotConfiguration())
        record(
            .written(
                .setAutopilotConfiguration, by: author, changes,
                from: autopilot?.modifyIndex, to: index), at: index)
    }

    /// - Precondition: the configuration is not stored yet.
    mutating func record(
        _ configuration: SchedulerConfiguration, by author: HistoryEvent.Author?, at index: UInt64
    ) {
        guard let author else { return }
        let changes = configuration.changes(from: scheduler ?? SchedulerConfiguration())
        record(
            .written(
                .setSchedulerConfiguration, by: author, changes,
                from: scheduler?.modifyIndex, to: index), at: index)
    }
}

extension HistoryEvent {
    fileprivate static func written(
        _ action: Action, by author: Author, _ changes: [String], from old: UInt64?,
        to new: UInt64
    ) -> HistoryEvent {
        HistoryEvent(
            unixNanoseconds: author.unixNanoseconds, action: action,
            actor: .operator(accessor: author.accessor),
            reason: changes.isEmpty ? "no change" : changes.joined(separator: ", "),
            oldConfigurationIndex: old ?? 0, newConfigurationIndex: new)
    }
}

/// What differs between two configurations, as `name: before → after`.
private struct Differences {
    private(set) var texts: [String] = []

    mutating func note<Value: Equatable & CustomStringConvertible>(
        _ name: String, _ before: Value, _ after: Value
    ) {
        if before != after { texts.append("\(name): \(before) → \(after)") }
    }
}

extension AutopilotConfiguration {
    fileprivate func changes(from old: AutopilotConfiguration) -> [String] {
        var all = Differences()
        all.note("CleanupDeadServers", old.cleanupDeadServers, cleanupDeadServers)
        all.note("LastContactThreshold", old.lastContactThreshold, lastContactThreshold)
        all.note("MaxTrailingLogs", old.maxTrailingLogs, maxTrailingLogs)
        all.note("MinQuorum", old.minQuorum, minQuorum)
        all.note("ServerStabilizationTime", old.serverStabilizationTime, serverStabilizationTime)
        all.note("EnableRedundancyZones", old.enableRedundancyZones, enableRedundancyZones)
        all.note("DisableUpgradeMigration", old.disableUpgradeMigration, disableUpgradeMigration)
        all.note("EnableCustomUpgrades", old.enableCustomUpgrades, enableCustomUpgrades)
        return all.texts
    }
}

extension SchedulerConfiguration {
    fileprivate func changes(from old: SchedulerConfiguration) -> [String] {
        let (before, after) = (old.preemptionConfig, preemptionConfig)
        var all = Differences()
        all.note(
            "SchedulerAlgorithm", old.schedulerAlgorithm.rawValue, schedulerAlgorithm.rawValue)
        all.note(
            "SystemSchedulerEnabled", before.systemSchedulerEnabled, after.systemSchedulerEnabled)
        all.note(
            "SysBatchSchedulerEnabled", before.sysBatchSchedulerEnabled,
            after.sysBatchSchedulerEnabled)
        all.note(
            "BatchSchedulerEnabled", before.batchSchedulerEnabled, after.batchSchedulerEnabled)
        all.note(
            "ServiceSchedulerEnabled", before.serviceSchedulerEnabled,
            after.serviceSchedulerEnabled)
        all.note(
            "MemoryOversubscriptionEnabled", old.memoryOversubscriptionEnabled,
            memoryOversubscriptionEnabled)
        all.note("RejectJobRegistration", old.rejectJobRegistration, rejectJobRegistration)
        all.note("PauseEvalBroker", old.pauseEvalBroker, pauseEvalBroker)
        all.note(
            "NodeLimitForFeasibilityChecks", old.nodeLimitForFeasibilityChecks,
            nodeLimitForFeasibilityChecks)
        return all.texts
    }
}
