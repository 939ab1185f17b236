// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// How commands and snapshots write the values that both hold.
//
// Autopilot configuration                     Scheduler configuration
//
// | bytes | meaning                        |  | bytes | meaning                          |
// |-------|--------------------------------|  |-------|----------------------------------|
// | 1     | CleanupDeadServers             |  | 1     | algorithm: 0 binpack, 1 spread   |
// | 8     | LastContactThreshold, ns       |  | 1     | SystemSchedulerEnabled           |
// | 8     | MaxTrailingLogs                |  | 1     | SysBatchSchedulerEnabled         |
// | 8     | MinQuorum                      |  | 1     | BatchSchedulerEnabled            |
// | 8     | ServerStabilizationTime, ns    |  | 1     | ServiceSchedulerEnabled          |
// | 1     | EnableRedundancyZones          |  | 1     | MemoryOversubscriptionEnabled    |
// | 1     | DisableUpgradeMigration        |  | 1     | RejectJobRegistration            |
// | 1     | EnableCustomUpgrades           |  | 1     | PauseEvalBroker                  |
//                                             | 8     | NodeLimitForFeasibilityChecks    |
//
// Server: id, name, region, datacenter, RPC, HTTP and gossip address and version as short strings,
// then one byte: whether it is a non-voter. From version 3 on a byte of flags follows (1: a zone, 2: an
// upgrade version), and those that it tells of, as short strings. The indexes of configurations are not part of them: a
// command gets them from the log, a snapshot writes them beside.

extension ByteWriter {
    mutating func write(_ configuration: AutopilotConfiguration) {
        write(configuration.cleanupDeadServers)
        write(configuration.lastContactThreshold.nanoseconds)
        write(configuration.maxTrailingLogs)
        write(configuration.minQuorum)
        write(configuration.serverStabilizationTime.nanoseconds)
        write(configuration.enableRedundancyZones)
        write(configuration.disableUpgradeMigration)
        write(configuration.enableCustomUpgrades)
    }

    mutating func write(_ configuration: SchedulerConfiguration) {
        switch configuration.schedulerAlgorithm {
        case .binpack: write(0 as UInt8)
        case .spread: write(1 as UInt8)
        }
        write(configuration.preemptionConfig.systemSchedulerEnabled)
        write(configuration.preemptionConfig.sysBatchSchedulerEnabled)
        write(configuration.preemptionConfig.batchSchedulerEnabled)
        write(configuration.preemptionConfig.serviceSchedulerEnabled)
        write(configuration.memoryOversubscriptionEnabled)
        write(configuration.rejectJobRegistration)
        write(configuration.pauseEvalBroker)
        write(configuration.nodeLimitForFeasibilityChecks)
    }

    mutating func write(_ server: ServerIdentity) {
        write(shortString: server.id)
        write(shortString: server.name)
        write(shortString: server.region)
        write(shortString: server.datacenter)
        write(shortString: server.rpcAddress)
        write(shortString: server.httpAddress)
        write(shortString: server.gossipAddress)
        write(shortString: server.version)
        write(server.isNonVoter)
    }

    /// What follows in version 3.
    mutating func writeLabels(_ server: ServerIdentity) {
        write(
            UInt8(server.redundancyZone == nil ? 0 : 1)
                | UInt8(server.upgradeVersion == nil ? 0 : 2))
        if let zone = server.redundancyZone { write(shortString: zone) }
        if let version = server.upgradeVersion { write(shortString: version) }
    }
}

/// Reads those values; what it takes is valid and has no other encoding.
struct StateReader {
    private var bytes: ByteReader

    init(_ bytes: [UInt8]) { self.bytes = ByteReader(bytes) }

    mutating func autopilot() throws(StateError) -> AutopilotConfiguration {
        var configuration = AutopilotConfiguration()
        configuration.cleanupDeadServers = try bool()
        configuration.lastContactThreshold = try duration()
        configuration.maxTrailingLogs = try uint64()
        configuration.minQuorum = try uint64()
        configuration.serverStabilizationTime = try duration()
        configuration.enableRedundancyZones = try bool()
        configuration.disableUpgradeMigration = try bool()
        configuration.enableCustomUpgrades = try bool()
        if let fault = configuration.validate() { throw .malformed("\(fault.field): \(fault.why)") }
        return configuration
    }

    mutating func scheduler() throws(StateError) -> SchedulerConfiguration {
        var configuration = SchedulerConfiguration()
        switch try uint8() {
        case 0: configuration.schedulerAlgorithm = .binpack
        case 1: configuration.schedulerAlgorithm = .spread
        case let other: throw .malformed("unknown scheduler algorithm \(other)")
        }
        configuration.preemptionConfig.systemSchedulerEnabled = try bool()
        configuration.preemptionConfig.sysBatchSchedulerEnabled = try bool()
        configuration.preemptionConfig.batchSchedulerEnabled = try bool()
        configuration.preemptionConfig.serviceSchedulerEnabled = try bool()
        configuration.memoryOversubscriptionEnabled = try bool()
        configuration.rejectJobRegistration = try bool()
        configuration.pauseEvalBroker = try bool()
        configuration.nodeLimitForFeasibilityChecks = try uint64()
        guard configuration.nodeLimitForFeasibilityChecks <= Int64.max.magnitude else {
            throw .malformed("NodeLimitForFeasibilityChecks is out of range")
        }
        return configuration
    }

    mutating func server(version: UInt8) throws(StateError) -> ServerIdentity {
        let plain = try ServerIdentity(
            id: try text(), name: try text(), region: try text(), datacenter: try text(),
            rpcAddress: try text(), httpAddress: try text(), gossipAddress: try text(),
            version: try text(), isNonVoter: try bool())
        guard version >= Command.historyVersion else { return plain }
        let flags = try uint8()
        guard flags < 4 else { throw .malformed("flags \(flags) of server \(plain.id)") }
        let zone: String? = flags & 1 == 0 ? nil : try text()
        let upgradeVersion: String? = flags & 2 == 0 ? nil : try text()
        return try ServerIdentity(
            id: plain.id, name: plain.name, region: plain.region, datacenter: plain.datacenter,
            rpcAddress: plain.rpcAddress, httpAddress: plain.httpAddress,
            gossipAddress: plain.gossipAddress, version: plain.version,
            isNonVoter: plain.isNonVoter, redundancyZone: zone, upgradeVersion: upgradeVersion)
    }

    /// An id with a length of 32 bits before it.
    mutating func longText() throws(StateError) -> String {
        try text(max: ServerIdentity.textBytesMax)
    }

    mutating func text() throws(StateError) -> String {
        try read { (bytes) throws(ByteError) in
            try bytes.readShortString(maxBytes: ServerIdentity.textBytesMax)
        }
    }

    /// A text with a length of 32 bits before it.
    mutating func text(max: Int) throws(StateError) -> String {
        try read { (bytes) throws(ByteError) in try bytes.readString(maxBytes: max) }
    }

    /// Bytes with a length of 32 bits before them.
    mutating func bytes(max: Int) throws(StateError) -> [UInt8] {
        try read { (bytes) throws(ByteError) in try bytes.readBytes(max: max) }
    }

    mutating func skipText() throws(StateError) {
        try read { (bytes) throws(ByteError) in
            try bytes.skipShortString(maxBytes: ServerIdentity.textBytesMax)
        }
    }

    /// Bytes that were not read yet.
    var remaining: Int { bytes.remaining }

    mutating func raw(count: Int) throws(StateError) -> [UInt8] {
        try read { (bytes) throws(ByteError) in Array(try bytes.readRaw(count: count)) }
    }

    /// The bytes of one chunk of a state, with a length of 32 bits before them.
    mutating func chunk() throws(StateError) -> [UInt8] {
        try bytes(max: StateRestore.chunkBytes)
    }

    mutating func duration() throws(StateError) -> GoDuration {
        GoDuration(nanoseconds: try int64())
    }

    mutating func int64() throws(StateError) -> Int64 {
        try read { (bytes) throws(ByteError) in try bytes.readInt64() }
    }

    mutating func bool() throws(StateError) -> Bool {
        try read { (bytes) throws(ByteError) in try bytes.readBool() }
    }

    mutating func uint8() throws(StateError) -> UInt8 {
        try read { (bytes) throws(ByteError) in try bytes.readUInt8() }
    }

    mutating func uint16() throws(StateError) -> UInt16 {
        try read { (bytes) throws(ByteError) in try bytes.readUInt16() }
    }

    mutating func uint32() throws(StateError) -> UInt32 {
        try read { (bytes) throws(ByteError) in try bytes.readUInt32() }
    }

    mutating func uint64() throws(StateError) -> UInt64 {
        try read { (bytes) throws(ByteError) in try bytes.readUInt64() }
    }

    /// A number, or none, with a byte before it that says which.
    mutating func optional() throws(StateError) -> UInt64? { try bool() ? try uint64() : nil }

    mutating func finish() throws(StateError) {
        try read { (bytes) throws(ByteError) in try bytes.finish() }
    }

    private mutating func read<Value>(
        _ body: (inout ByteReader) throws(ByteError) -> Value
    ) throws(StateError) -> Value {
        do throws(ByteError) {
            return try body(&bytes)
        } catch {
            throw .malformed(error.description)
        }
    }
}
