// SPDX-License-Identifier: Apache-2.0

/// What `-dev` makes of what was set, so that several servers start by hand on one machine with three
/// flags each:
///
///     martlet agent -dev -bootstrap-expect=3
///     martlet agent -dev -bootstrap-expect=3 -http-port=4656
///     martlet agent -dev -bootstrap-expect=3 -http-port=4666
extension ConfigurationReader {
    /// From one server's ports to the next one's.
    private static let portStride = 10

    /// After files and flags: fills in only what nobody set.
    mutating func completeDevelopment() {
        completePorts()
        guard configuration.server.bootstrapExpect > 1 else { return }
        if origin(of: "name") == .none { configuration.name = "dev-\(configuration.ports.http)" }
        if configuration.server.retryJoin.isEmpty {
            configuration.server.retryJoin = neighbours
        }
    }

    /// The two other ports follow the HTTP API's, as they do by default.
    private mutating func completePorts() {
        let http = configuration.ports.http
        guard origin(of: "ports.http") != .none, http > 0 else { return }
        let isRPCSet = origin(of: "ports.rpc") != .none
        let isSerfSet = origin(of: "ports.serf") != .none
        guard http + 2 <= 65_535 || isRPCSet && isSerfSet else {
            report("ports.http", "\(http) leaves no room for the two ports that follow it")
            return
        }
        if !isRPCSet { configuration.ports.rpc = http + 1 }
        if !isSerfSet { configuration.ports.serf = http + 2 }
    }

    /// The gossip ports of all that are expected, this one's among them; none if this one's ports
    /// are not of that row.
    private var neighbours: [String] {
        let standard = AgentConfiguration.Ports()
        let expected = configuration.server.bootstrapExpect
        let row = (0..<expected).map { $0 * Self.portStride }
        guard row.contains(configuration.ports.http - standard.http),
            configuration.ports.serf - configuration.ports.http == standard.serf - standard.http
        else { return [] }
        let host = configuration.addresses.serf ?? configuration.bindAddress
        let shown = host.contains(":") ? "[\(host)]" : host
        return row.map { "\(shown):\(standard.serf + $0)" }
    }
}
