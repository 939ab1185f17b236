// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// Looks at this machine: a data folder, and the files of a configuration.
struct MachineCheck {
    let environment: CLIEnvironment
    let machine: LocalMachine

    private static let attempts = 20
    private static let fileBytesMax = 1 << 20

    /// - Returns: nil if neither a folder nor a configuration is given.
    func picture(folder: String?, configuration paths: [String]) -> MachinePicture? {
        guard folder != nil || !paths.isEmpty else { return nil }
        var picture = MachinePicture()
        picture.folder = folder
        if !paths.isEmpty { readConfiguration(paths, &picture) }
        if let folder = picture.folder { look(into: folder, &picture) }
        return picture
    }

    // MARK: The folder

    private func look(into folder: String, _ picture: inout MachinePicture) {
        guard environment.files.isDirectory(folder) else {
            picture.syncFailure = "there is no such folder"
            return
        }
        picture.space = machine.space(folder)
        for name in ["server/IDENTITY", "server/serf.keyring", "server/raft/log/data.mdb"] {
            expose("\(folder)/\(name)", &picture)
        }
        let path = "\(folder)/.martlet-doctor-\(machine.monotonicNanoseconds())"
        do throws(FileError) {
            for attempt in 0...Self.attempts {
                let start = machine.monotonicNanoseconds()
                try environment.files.appendDurably([UInt8](repeating: 0x2e, count: 4096), to: path)
                // The first one makes the file.
                if attempt > 0 {
                    picture.syncs.append(Double(machine.monotonicNanoseconds() - start) / 1e6)
                }
            }
        } catch {
            picture.syncFailure = "\(error)"
        }
        guard environment.files.exists(path) else { return }
        do throws(FileError) {
            try environment.files.remove(path)
        } catch {
            picture.syncFailure = "\(error)"
        }
    }

    private func expose(_ path: String, _ picture: inout MachinePicture) {
        if environment.files.isReadableByOthers(path) { picture.exposed.append(path) }
    }

    // MARK: The configuration

    private func exposeConfiguration(_ path: String, _ picture: inout MachinePicture) {
        guard environment.files.isDirectory(path) else { return expose(path, &picture) }
        do throws(FileError) {
            for name in try environment.files.list(path).prefix(256)
            where name.hasSuffix(".hcl") || name.hasSuffix(".json") {
                expose("\(path)/\(name)", &picture)
            }
        } catch {
            picture.problems.append("\(error)")
        }
    }

    private func readConfiguration(_ paths: [String], _ picture: inout MachinePicture) {
        picture.hasConfiguration = true
        let found = machine.configuration(paths)
        guard !found.settings.isEmpty else {
            picture.problems = found.problems.split(separator: "\n").map(String.init)
            return
        }
        do throws(CLIFailure) {
            let answer = try Answer(bytes: Array(found.settings.utf8), failing: "config explain")
            picture.warnings = try answer.list("Warnings").map(\.text)
            let settings = try Settings(answer)
            if picture.folder == nil { picture.folder = settings["data_dir"] }
            if settings["server.encrypt"] != nil {
                for path in paths { exposeConfiguration(path, &picture) }
            }
            if let key = settings["tls.key_file"] { expose(key, &picture) }
            readCertificates(settings, &picture)
        } catch {
            picture.problems.append(error.text)
        }
    }

    /// Settings that have a value, by name.
    private struct Settings {
        private var values: [String: String] = [:]

        init(_ answer: Answer) throws(CLIFailure) {
            for setting in try answer.list("Settings") {
                let value = setting.text("Value")
                if !value.isEmpty { values[setting.text("Name")] = value }
            }
        }

        subscript(_ name: String) -> String? { values[name] }

        func isOn(_ name: String) -> Bool { values[name] == "true" }
    }

    private func readCertificates(_ settings: Settings, _ picture: inout MachinePicture) {
        var authorities: [CertificateFacts] = []
        if let path = settings["tls.ca_file"] {
            let (facts, made) = read(path, .authority)
            authorities = facts
            picture.certificates.append(made)
        }
        guard let path = settings["tls.cert_file"] else { return }
        var (facts, made) = read(path, .server)
        if let first = facts.first {
            let name = "server.\(settings["region"] ?? "global").nomad"
            made.missingName = first.dnsNames.contains(name) ? nil : name
            made.isNameChecked = settings.isOn("tls.verify_server_hostname")
            // The file may bring the authorities in between.
            let makers = (authorities + facts.dropFirst()).map(\.subject)
            made.hasIssuer = authorities.isEmpty || makers.contains(first.issuer)
        }
        picture.certificates.append(made)
    }

    private func read(
        _ path: String, _ use: CertificatePicture.Use
    ) -> ([CertificateFacts], CertificatePicture) {
        var made = CertificatePicture(path: path, use: use)
        let bytes: [UInt8]
        let facts: [CertificateFacts]
        do throws(FileError) {
            bytes = try environment.files.read(path, limitBytes: Self.fileBytesMax)
        } catch {
            let text = "\(error)"
            made.failure =
                text.hasPrefix("\(path): ") ? String(text.dropFirst(path.count + 2)) : text
            return ([], made)
        }
        do throws(SecurityError) {
            facts = try machine.certificates.read(bytes)
        } catch {
            made.failure = "\(error)"
            return ([], made)
        }
        let now = environment.wallClockNanoseconds() / 1_000_000_000
        // The first one to end decides.
        let end = facts.map(\.notAfter).min() ?? now
        let (left, isFar) = end.subtractingReportingOverflow(now)
        made.secondsLeft = isFar ? 0 : left
        made.isValidYet = facts.allSatisfy { $0.notBefore <= now }
        return (facts, made)
    }
}
