// SPDX-License-Identifier: Apache-2.0

// What others may read, and what is on this machine.

extension Examination {
    func gossip() -> [Finding] {
        let plain = picture.telling.filter { !$0.isGossipSealed }
        guard !plain.isEmpty else { return [.fine("gossip", "sealed on every server")] }
        guard !plain.allSatisfy(\.isLocal) else {
            return [.fine("gossip", "not sealed, and only on this machine")]
        }
        return [
            .warning(
                "gossip",
                plain.count == picture.telling.count
                    ? "gossip is not sealed: who reaches the port can join and be heard"
                    : "gossip is not sealed on \(Self.names(plain))",
                fix: "martlet operator keygen, then server { encrypt = KEY } on every server")
        ]
    }

    /// Between the servers and those who ask.
    func transport() -> [Finding] {
        let plain = picture.answering.filter { !$0.isSecured && !$0.isLocal }
        guard plain.isEmpty else {
            return [
                .warning(
                    "tls", "HTTP without TLS on \(Self.names(plain)): tokens pass in the open",
                    fix:
                        "martlet tls ca create; martlet tls cert create -server; tls { http = true, rpc = "
                        + "true }")
            ]
        }
        let ending = expiries()
        guard ending.isEmpty else { return ending }
        let secured = picture.answering.count(where: \.isSecured)
        return secured > 0
            ? [.fine("tls", "\(Self.counted(secured, "server")): the certificate is good")] : []
    }

    /// Of the certificates that the servers use, as they tell.
    private func expiries() -> [Finding] {
        picture.telling.flatMap { server in
            [("cert", "certificate"), ("ca", "authority")].compactMap { gauge, word in
                guard let left = server.gauges["nomad.agent.tls.\(gauge)_expiry_seconds"] else {
                    return nil
                }
                let seconds = Int64(max(-1e12, min(left, 1e12)).rounded(.down))
                guard seconds < Self.secondsWarning else { return nil }
                let whose = "the \(word) of \(server.label)"
                let text =
                    seconds <= 0
                    ? "\(whose) has expired: new connections to it fail"
                    : "\(whose) expires \(Self.distance(to: seconds))"
                let fix =
                    gauge == "ca"
                    ? "martlet tls ca create, append it to ca_file everywhere, and all certificates by "
                        + "it anew: tls.md"
                    : "martlet tls cert create -server, then on its machine: systemctl reload martlet"
                return seconds < Self.secondsCritical
                    ? .critical("tls", text, fix: fix) : .warning("tls", text, fix: fix)
            }
        }
    }

    func machine() -> [Finding] {
        guard let machine = picture.machine else { return [] }
        var findings = folder(machine)
        findings += machine.exposed.map {
            .critical(
                "files", "\($0) has secrets, and everybody on this machine may read it",
                fix: "chmod 600 \($0)")
        }
        findings += machine.certificates.flatMap(certificate)
        findings += machine.problems.map {
            .critical("config", $0, fix: "mend it before the next restart: martlet config validate")
        }
        findings += machine.warnings.map {
            .warning("config", $0, fix: "martlet config explain")
        }
        if machine.hasConfiguration, machine.problems.isEmpty, machine.warnings.isEmpty {
            findings.append(.fine("config", "the configuration is valid"))
        }
        return findings
    }

    // MARK: The folder

    private static let spaceWarning: UInt64 = 1 << 30
    private static let spaceCritical: UInt64 = 128 << 20

    private func folder(_ machine: MachinePicture) -> [Finding] {
        guard let folder = machine.folder else { return [] }
        var findings: [Finding] = []
        if let failure = machine.syncFailure {
            findings.append(
                .critical(
                    "disks", "nothing can be written into \(folder): \(failure)",
                    fix:
                        "is it the data_dir of a server here? ls -ld \(folder); run this as the server's "
                        + "user"))
        }
        let sorted = machine.syncs.sorted()
        if let worst = sorted.last {
            let median = sorted[sorted.count / 2]
            let slow = syncs(of: folder, mean: median, max: worst)
            findings +=
                slow.isEmpty
                ? [
                    .fine(
                        "disks",
                        "a sync in \(folder) takes \(Self.milliseconds(median)), at worst "
                            + Self.milliseconds(worst))
                ] : slow
        }
        guard let space = machine.space else { return findings }
        let text = "\(space.freeBytes >> 20) MiB of \(space.totalBytes >> 20) are free in \(folder)"
        let fix = "make space: at the end the server refuses writes"
        if space.freeBytes < Self.spaceCritical {
            findings.append(.critical("space", text, fix: fix))
        } else if space.freeBytes < Self.spaceWarning || space.freeBytes < space.totalBytes / 20 {
            findings.append(.warning("space", text, fix: fix))
        } else {
            findings.append(.fine("space", text))
        }
        return findings
    }

    // MARK: Certificates

    private static let secondsWarning: Int64 = 30 * 86_400
    private static let secondsCritical: Int64 = 3 * 86_400

    /// `in 12 days`, `7 s ago`.
    private static func distance(to seconds: Int64) -> String {
        Moment.distance(-max(seconds, -.max))
    }

    private func certificate(_ certificate: CertificatePicture) -> [Finding] {
        let path = certificate.path
        let renew =
            certificate.use == .authority
            ? "martlet tls ca create, and all certificates by it anew"
            : "martlet tls cert create -server, then: systemctl reload martlet"
        if let failure = certificate.failure {
            return [.critical("tls", "\(path): \(failure)", fix: "martlet tls cert info \(path)")]
        }
        var findings: [Finding] = []
        let left = certificate.secondsLeft
        if !certificate.isValidYet {
            findings.append(
                .critical(
                    "tls", "\(path) is not valid yet",
                    fix: "is this machine's clock right? timedatectl"))
        } else if left < Self.secondsWarning {
            let text = "\(path) \(left > 0 ? "expires" : "has expired") \(Self.distance(to: left))"
            findings.append(
                left < Self.secondsCritical
                    ? .critical("tls", text, fix: renew) : .warning("tls", text, fix: renew))
        }
        if let name = certificate.missingName {
            let text = "\(path) does not have the name \(name)"
            findings.append(
                certificate.isNameChecked
                    ? .critical("tls", text + ": the other servers refuse it", fix: renew)
                    : .warning("tls", text + ", which verify_server_hostname asks for", fix: renew))
        }
        if !certificate.hasIssuer {
            findings.append(
                .critical(
                    "tls", "\(path) was made by no authority of tls.ca_file",
                    fix: "martlet tls cert info \(path); martlet tls ca info FILE"))
        }
        guard findings.isEmpty else { return findings }
        return [.fine("tls", "\(path) is good for \(left / 86_400) days")]
    }
}
