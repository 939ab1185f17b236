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
                return .failure(ConfigurationFailure(text: AgentCommandLine.help(), exitCode: 0))
            }
            let reader = read(line, files: files, hostName: hostName)
            guard reader.problems.isEmpty else { throw ConfigurationFailure(reader.problems) }
            return .success(
                LoadedConfiguration(
                    configuration: reader.configuration, warnings: reader.warnings.lines))
        } catch {
            return .failure(error)
        }
    }

    /// Everything that a command line says and names, with what is wrong about it.
    static func read(
        _ line: AgentCommandLine, files: any Files, hostName: String
    ) -> ConfigurationReader {
        var reader = ConfigurationReader(over: defaults(for: line, hostName: hostName))
        for path in line.configurationPaths { reader.read(path, from: files) }
        for setting in line.settings { reader.read(setting) }
        if line.isDevelopment { reader.completeDevelopment() }
        let lacking = Service.allCases.filter(reader.configuration.lacksAddress)
        if !lacking.isEmpty, !reader.configuration.isAlone {
            reader.configuration.privateAddress = PrivateAddress.find(in: files)
        }
        // What does not hold together is told only once every part is right by itself.
        if reader.problems.isEmpty { reader.checkWhole() }
        return reader
    }

    private static func defaults(
        for line: AgentCommandLine, hostName: String
    ) -> AgentConfiguration {
        var configuration = line.isDevelopment ? development : AgentConfiguration()
        configuration.name = hostName
        configuration.stopsWithParent = line.stopsWithParent
        return configuration
    }
}

extension ConfigurationReader {
    /// Reads a file, or the `*.hcl` and `*.json` files of a folder in the order of their names.
    mutating func read(_ path: String, from files: any Files) {
        do throws(FileError) {
            guard files.isDirectory(path) else {
                read(
                    try files.read(path, limitBytes: AgentConfiguration.fileLimitBytes), named: path
                )
                return
            }
            let wanted = Self.configurationFiles(among: try files.list(path))
            guard wanted.count <= AgentConfiguration.filesInFolder else {
                let limit = AgentConfiguration.filesInFolder
                reportUnreadable("\(path): more than \(limit) files")
                return
            }
            if wanted.isEmpty { warn(path, "no *.hcl and no *.json file in this folder") }
            for name in wanted {
                let file = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
                guard !files.isDirectory(file) else { continue }
                read(
                    try files.read(file, limitBytes: AgentConfiguration.fileLimitBytes), named: file
                )
            }
        } catch {
            reportUnreadable("cannot read the configuration: \(error)")
        }
    }

    /// In the order of their bytes, as Nomad reads them, without what editors leave behind.
    private static func configurationFiles(among names: [String]) -> [String] {
        names.filter { name in
            (name.hasSuffix(".hcl") || name.hasSuffix(".json")) && !name.hasPrefix(".#")
        }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
