// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

/// The id that ends in `number`.
func serverID(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return "00000000-0000-4000-8000-"
        + String(repeating: "0", count: 12 - digits.count) + digits
}

func server(
    _ number: Int, id: String? = nil, name: String = "s1", isNonVoter: Bool = false,
    zone: String? = nil, upgradeVersion: String? = nil
) throws(StateError) -> ServerIdentity {
    try ServerIdentity(
        id: id ?? serverID(number), name: name, region: "global", datacenter: "dc1",
        rpcAddress: "10.0.0.1:4647", httpAddress: "10.0.0.1:4646",
        gossipAddress: "10.0.0.1:4648", version: "1.0.0", isNonVoter: isNonVoter,
        redundancyZone: zone, upgradeVersion: upgradeVersion)
}

/// No field has its default, none the value of another.
func event(_ number: Int, actor: HistoryEvent.Actor = .autopilot) -> HistoryEvent {
    HistoryEvent(
        unixNanoseconds: 1_700_000_000_000_000_000 + Int64(number), action: .promote, actor: actor,
        serverID: serverID(number), serverName: "s\(number).global", rule: "stable",
        reason: "healthy for 10s", inputsHash: 0xABCD, oldConfigurationIndex: 5,
        newConfigurationIndex: 8, outcome: "applied at once")
}

func term(_ number: UInt64) -> LeadershipTerm {
    LeadershipTerm(
        term: number, leaderID: serverID(Int(number)), leaderName: "s\(number).global",
        sinceUnixNanoseconds: -1)
}

/// No field has its default, none the value of another.
var unusualAutopilot: AutopilotConfiguration {
    var configuration = AutopilotConfiguration()
    configuration.cleanupDeadServers = false
    configuration.lastContactThreshold = GoDuration(nanoseconds: 1)
    configuration.maxTrailingLogs = .max
    configuration.minQuorum = 3
    configuration.serverStabilizationTime = GoDuration(nanoseconds: .max)
    configuration.enableRedundancyZones = true
    configuration.disableUpgradeMigration = true
    configuration.enableCustomUpgrades = true
    return configuration
}

var unusualScheduler: SchedulerConfiguration {
    var configuration = SchedulerConfiguration()
    configuration.schedulerAlgorithm = .spread
    configuration.preemptionConfig.systemSchedulerEnabled = false
    configuration.preemptionConfig.batchSchedulerEnabled = true
    configuration.memoryOversubscriptionEnabled = true
    configuration.pauseEvalBroker = true
    configuration.nodeLimitForFeasibilityChecks = 9
    return configuration
}

extension State {
    mutating func apply(_ command: Command, at index: UInt64) -> CommandResult {
        apply(command.encoded(), at: index)
    }
}

/// Why `bytes` are no command; nil if they are one.
func commandFault(_ bytes: [UInt8]) -> StateError? {
    do throws(StateError) {
        _ = try Command(decoding: bytes)
        return nil
    } catch {
        return error
    }
}

func stateFault(_ bytes: [UInt8]) -> StateError? {
    do throws(StateError) {
        _ = try State(decoding: bytes)
        return nil
    } catch {
        return error
    }
}

func isMalformed(_ error: StateError?) -> Bool {
    if case .malformed = error { true } else { false }
}
