// SPDX-License-Identifier: Apache-2.0

package import MartletTransport

/// A checked configuration, and what to log once when the agent starts.
package struct LoadedConfiguration: Equatable, Sendable {
    package let configuration: AgentConfiguration
    package let warnings: [String]
}

extension AgentConfiguration {
    /// A configuration file is small; a larger one is a mistake (a log, a disk image).
    static let fileLimitBytes = 1 << 20
    static let filesInFolder = 256

    /// Reads the arguments that follow `agent`, then the files that they name, in order: later
    /// files win over earlier ones, blocks merge, flags win over files.
    ///
    /// Blocks on the disk: call it before the loop runs.
    ///
    /// - Parameter hostName: the name of a server that is given none.
    /// - Returns: for `-help`, a failure with the exit code 0 and the help as its text.
    package static func load(
        arguments: [String], files: any Files, hostName: String
    ) -> Result<LoadedConfiguration, ConfigurationFailure> {
        do throws(ConfigurationFailure) {
            let line = try AgentCommandLine.parse(arguments)
            if line.wantsHelp {
                return .failure(ConfigurationFailure(text: AgentCommandLine.help, exitCode: 0))
            }
            var reader = ConfigurationReader(over: defaults(for: line, hostName: hostName))
            for path in line.configurationPaths { reader.read(path, from: files) }
            for setting in line.settings { reader.read(setting) }
            // What does not hold together is told only once every part is right by itself.
            if reader.problems.isEmpty { reader.checkWhole() }
            guard reader.problems.isEmpty else { throw ConfigurationFailure(reader.problems) }
            return .success(
                LoadedConfiguration(
                    configuration: reader.configuration, warnings: reader.warnings.lines))
        } catch {
            return .failure(error)
        }
    }

    private static func defaults(
        for line: AgentCommandLine, hostName: String
    ) -> AgentConfiguration {
        var configuration = line.isDevelopment ? development : AgentConfiguration()
        configuration.name = hostName
        return configuration
    }
}

extension ConfigurationReader {
    /// Reads a file, or the `*.json` files of a folder in the order of their names.
    mutating func read(_ path: String, from files: any Files) {
        do throws(FileError) {
            guard files.isDirectory(path) else {
                readFile(path, try files.read(path, limitBytes: AgentConfiguration.fileLimitBytes))
                return
            }
            let names = try files.list(path)
            let wanted = names.filter { $0.hasSuffix(".json") || $0.hasSuffix(".hcl") }
            guard wanted.count <= AgentConfiguration.filesInFolder else {
                let limit = AgentConfiguration.filesInFolder
                report(Problem(origin: .none, text: "\(path): more than \(limit) files"))
                return
            }
            if wanted.isEmpty { warnings(about: path) }
            for name in wanted {
                let file = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
                guard !files.isDirectory(file) else { continue }
                readFile(file, try files.read(file, limitBytes: AgentConfiguration.fileLimitBytes))
            }
        } catch {
            report(Problem(origin: .none, text: "cannot read the configuration: \(error)"))
        }
    }

    private mutating func warnings(about folder: String) {
        warn(folder, "no *.json file in this folder")
    }

    private mutating func readFile(_ path: String, _ bytes: [UInt8]) {
        if path.hasSuffix(".hcl") {
            let text =
                "this version reads JSON only: write the same keys as JSON into a file *.json"
            report(Problem(origin: .file(path, line: 1, column: 1), text: text))
            return
        }
        read(bytes, named: path)
    }

    // MARK: What must hold together

    mutating func checkWhole() {
        checkIdentity()
        checkPorts()
        checkServer()
        checkAddresses()
    }

    private mutating func checkIdentity() {
        if origin(of: "name") == .none, Rule.name(configuration.name) != nil {
            report(
                "name",
                "the host's name \(quoted(configuration.name)) cannot be the server's:"
                    + " set \"name\" or -node")
        }
        if configuration.dataDirectory == nil, !configuration.isDevelopment {
            report("data_dir", "missing: set \"data_dir\" or -data-dir to an absolute path")
        }
    }

    private mutating func checkPorts() {
        let services = AgentConfiguration.Service.allCases
        for (index, service) in services.enumerated() {
            let port = configuration.ports[service]
            guard port != 0 else { continue }
            for earlier in services[..<index] where configuration.ports[earlier] == port {
                // Told where it was written: one of the two may be a default.
                let path = "ports.\(service.rawValue)"
                let other = "ports.\(earlier.rawValue)"
                let shown = origin(of: path) == .none ? other : path
                report(shown, "\(path) and \(other) are both \(port): each needs its own")
            }
        }
    }

    private mutating func checkServer() {
        let server = configuration.server
        guard server.isEnabled else {
            report(
                "server.enabled",
                "must be true: this program runs servers only"
                    + " (\"server\": {\"enabled\": true}, -server, or -dev to try it out)")
            return
        }
        let expected = server.bootstrapExpect
        if expected > 0, expected.isMultiple(of: 2) {
            warn(
                "server.bootstrap_expect",
                "\(expected) servers survive no more failures than \(expected - 1):"
                    + " an odd number is better")
        }
        if expected == 0, server.retryJoin.isEmpty {
            report(
                "server.bootstrap_expect",
                "0 without \"retry_join\" can neither start a cluster nor find one:"
                    + " set one of them")
        }
        if expected > 1, server.retryJoin.isEmpty {
            warn(
                "server.bootstrap_expect",
                "\(expected) servers are expected and \"retry_join\" names none: this one waits"
                    + " to be found")
        }
        if server.isNonVoting, expected > 0 {
            report(
                "server.non_voting_server",
                "a server that never votes cannot start a cluster: leave out \"bootstrap_expect\"")
        }
        if configuration.storageBackend == .memory, !configuration.isDevelopment {
            warn(
                "storage.backend",
                "\"memory\" forgets everything when the process ends: for tests only")
        }
    }

    private mutating func checkAddresses() {
        let isAlone =
            configuration.server.bootstrapExpect <= 1 && configuration.server.retryJoin.isEmpty
        for service in [AgentConfiguration.Service.rpc, .serf]
        where configuration.advertise[service] == nil && configuration.listensEverywhere(service) {
            let path = "advertise.\(service.rawValue)"
            if isAlone {
                warn(path, "missing: other servers could only reach this one on its own machine")
            } else {
                report(
                    path,
                    "missing: this server listens on every address, so others must be told one:"
                        + " set it, or set \"bind_addr\" to the address itself")
            }
        }
    }
}
