// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletHTTP

/// What `/v1/agent/monitor` is asked for.
struct MonitorRequest: Equatable {
    var level = Logger.Level.info
    var form = LogWatch.Form.text
    /// The lines alone, instead of frames of JSON.
    var isPlain = false
    /// Whose log; nil for the server that is asked.
    var server: String?

    /// - Throws: 400 that names the parameter.
    init(_ call: Call) throws(APIError) {
        let query = call.query
        if let text = query.first("log_level"), !text.isEmpty {
            guard let level = Self.level(text) else {
                throw APIError(
                    status: 400, message: "Unknown log level: \(text.prefix(64))")
            }
            self.level = level
        }
        if try call.flag("log_json") { form = .json }
        isPlain = try call.flag("plain")
        let (node, server) = (query.first("node_id") ?? "", query.first("server_id") ?? "")
        guard node.isEmpty || server.isEmpty else {
            throw APIError(
                status: 400, message: "Cannot target node and client simultaneously")
        }
        let named = node.isEmpty ? server : node
        self.server = named.isEmpty ? nil : named
    }

    /// By the names that Nomad takes, in any case of letters.
    private static func level(_ text: String) -> Logger.Level? {
        switch text.lowercased() {
        case "trace": .trace
        case "debug": .debug
        case "info": .info
        case "warn", "warning": .warning
        case "error", "err": .error
        default: nil
        }
    }
}
