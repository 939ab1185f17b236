// SPDX-License-Identifier: Apache-2.0
//
// The host executable: hands the plugins to Host and to the command line.
import Glibc
import MartletCLI
import MartletExec
import MartletHost
import MartletUV

/// Host's commands, with their places in the tree of commands.
let foreign = [
    ForeignCommand(
        "agent", "runs a server", flagNames: AgentCommandLine.flagNames(),
        help: AgentCommandLine.help()
    ) {
        var plugins = hostPlugins()
        plugins.descriptorLimit = UVProcesses.raiseDescriptorLimit()
        plugins.supervisor = supervisor()
        return Agent.run(arguments: $0, plugins: plugins)
    },
    ForeignCommand(
        "config validate", "checks configuration files",
        flagNames: AgentCommandLine.flagNames(of: .validate),
        help: AgentCommandLine.help(for: .validate)
    ) { ConfigCommand.run(arguments: ["validate"] + $0, plugins: hostPlugins()) },
    ForeignCommand(
        "config explain", "shows every setting and where it was set",
        flagNames: AgentCommandLine.flagNames(of: .explain),
        help: AgentCommandLine.help(for: .explain)
    ) { ConfigCommand.run(arguments: ["explain"] + $0, plugins: hostPlugins()) },
    ForeignCommand(
        "node run", "is one node, or many that only pretend", flagNames: NodeCommand.flagNames,
        help: NodeCommand.help
    ) { NodeCommand.run(arguments: $0, plugins: hostPlugins(), machine: nodeMachine()) },
    ForeignCommand(
        "operator raft recover", "makes a cluster of those that are left of a lost quorum",
        flagNames: RecoverCommand.flagNames, help: RecoverCommand.help
    ) { RecoverCommand.run(arguments: $0, plugins: hostPlugins(), desk: recoverDesk()) },
    ForeignCommand(
        "operator gossip keyring generate", "makes a key that seals gossip", flagNames: ["help"],
        help: KeygenCommand.help
    ) { KeygenCommand.run(arguments: $0, plugins: hostPlugins()) },
    ForeignCommand(
        "operator keygen", "makes a key that seals gossip", flagNames: ["help"],
        help: KeygenCommand.help
    ) { KeygenCommand.run(arguments: $0, plugins: hostPlugins()) },
    ForeignCommand(
        "audit verify", "follows the chain of an audit log", flagNames: ["name", "help"],
        help: AuditCommand.help
    ) { AuditCommand.run(arguments: $0, plugins: hostPlugins()) },
    ForeignCommand(
        "tls ca create", "makes a certificate authority",
        flagNames: [
            "domain", "days", "common-name", "organization", "name-constraint", "additional-domain",
            "help",
        ], help: TLSCommand.help
    ) { TLSCommand.run(arguments: ["ca", "create"] + $0, plugins: hostPlugins()) },
    ForeignCommand(
        "tls ca info", "shows an authority's certificate", flagNames: ["help"],
        help: TLSCommand.help
    ) { TLSCommand.run(arguments: ["ca", "info"] + $0, plugins: hostPlugins()) },
    ForeignCommand(
        "tls cert create", "makes a certificate",
        flagNames: [
            "server", "client", "cli", "region", "domain", "days", "additional-dnsname",
            "additional-ipaddress", "ca", "key", "help",
        ], help: TLSCommand.help
    ) { TLSCommand.run(arguments: ["cert", "create"] + $0, plugins: hostPlugins()) },
    ForeignCommand(
        "tls cert info", "shows a certificate", flagNames: ["help"], help: TLSCommand.help
    ) { TLSCommand.run(arguments: ["cert", "info"] + $0, plugins: hostPlugins()) },
]

// What is created is the owner's alone, whoever starts this.
umask(0o077)
// A node's agent starts this for each task; nothing else of the program is needed then.
if CommandLine.arguments.dropFirst().starts(with: supervisorWords) {
    exit(TaskSupervisor.run(Array(CommandLine.arguments.dropFirst(1 + supervisorWords.count))))
}
let arguments = Array(SecretFlags.takeArguments().dropFirst())
var world = cliEnvironment()
world.foreignCommands = foreign
exit(CLI.run(arguments, world))
