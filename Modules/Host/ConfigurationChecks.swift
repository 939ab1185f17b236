// SPDX-License-Identifier: Apache-2.0

/// What must hold together, checked once every part is right by itself.
extension ConfigurationReader {
    mutating func checkWhole() {
        checkIdentity()
        checkPorts()
        checkServer()
        checkAddresses()
        checkSecurity()
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
                    + " (server { enabled = true }, -server, or -dev to try it out)")
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
        for service in [AgentConfiguration.Service.rpc, .serf]
        where configuration.lacksAddress(service) {
            let path = "advertise.\(service.rawValue)"
            if configuration.isAlone {
                warn(path, "missing: other servers could only reach this one on its own machine")
            } else if let address = configuration.privateAddress {
                warn(
                    path,
                    "missing: others are told \(address), the private address of the interface"
                        + " with the default route")
            } else {
                report(
                    path,
                    "missing: this server listens on every address, so others must be told one:"
                        + " set it, or set \"bind_addr\" to the address itself")
            }
        }
    }
}

extension AgentConfiguration {
    /// Whether no other server is expected.
    var isAlone: Bool { server.bootstrapExpect <= 1 && server.retryJoin.isEmpty }

    /// Whether nobody said what others are to be told of a service that listens on every address.
    func lacksAddress(_ service: Service) -> Bool {
        advertise[service] == nil && listensEverywhere(service)
    }
}
