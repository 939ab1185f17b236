// SPDX-License-Identifier: Apache-2.0
internal import Glibc
import Synchronization

/// Runs one command of a task, writes its output into files, and leaves word of how it ended: the
/// program that lives as long as the command, whatever becomes of the node's agent.
///
///     said that it is there ──not cancelled──▶ started ──the command has ended──▶ left word
///
/// The files are those of `RunFiles` in the module Node. The command leads a process group of its own;
/// what is left of that when it has ended is killed.
package enum TaskSupervisor {
    private struct Wish {
        let prefix: String
        let logs: String
        let filesMax: Int
        let fileBytes: Int
        let folder: String
        let words: [String]

        /// PREFIX LOGS FILES MEGABYTES FOLDER COMMAND [ARGUMENT…]
        init?(_ arguments: [String]) {
            guard arguments.count >= 6, let files = Int(arguments[2]),
                let megabytes = Int(arguments[3]), 1...(1 << 20) ~= megabytes
            else { return nil }
            prefix = arguments[0]
            logs = arguments[1]
            filesMax = files
            fileBytes = megabytes << 20
            folder = arguments[4]
            words = Array(arguments[5...])
        }
    }

    /// - Returns: the exit status: 0 when word was left, or nothing was to be done.
    package static func run(_ arguments: [String]) -> Int32 {
        guard let wish = Wish(arguments) else { return 2 }
        // Whoever ends all processes of a service means the command; this one has to see it end.
        for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] { _ = signal(number, SIG_IGN) }
        // Tasks expect the usual one.
        umask(0o022)
        guard let bell = OutputPipe() else { return 1 }
        ring(bell)
        let machine = ExecMachine()
        let birth = machine.birth(of: getpid()) ?? "-"
        guard leave("\(getpid()) \(birth)", at: "\(wish.prefix).supervisor") else { return 1 }
        guard !exists("\(wish.prefix).cancelled") else { return 0 }
        let output = OutputPipe()
        let errors = OutputPipe()
        guard let output, let errors else { return refuse(lastError(), wish) }
        guard unsafe chdir(wish.folder) == 0 else {
            return refuse("\(wish.folder): \(lastError())", wish)
        }
        var process: pid_t = 0
        let code = spawn(wish, output.writer, errors.writer, &process)
        output.closeWriter()
        errors.closeWriter()
        guard code == 0 else {
            errno = code
            return refuse("\(wish.words[0]): \(lastError())", wish)
        }
        let isWanted =
            leave("\(process) \(machine.birth(of: process) ?? "-")", at: "\(wish.prefix).started")
            && !exists("\(wish.prefix).cancelled") && exists("\(wish.prefix).started")
        if !isWanted { kill(-process, SIGKILL) }
        let end = follow(process, output, errors, bell, wish)
        return leave(end, at: "\(wish.prefix).ended") ? 0 : 1
    }

    private static func refuse(_ why: String, _ wish: Wish) -> Int32 {
        leave("refused \(why)", at: "\(wish.prefix).ended") ? 0 : 1
    }

    // MARK: The command

    private static func spawn(
        _ wish: Wish, _ output: Int32, _ errors: Int32, _ process: inout pid_t
    ) -> Int32 {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2)
        var all = sigset_t()
        var none = sigset_t()
        unsafe sigfillset(&all)
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        // SAFETY: the strings live until the call is over, and the list ends with a null.
        var words = unsafe wish.words.map { unsafe strdup($0) }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        return unsafe posix_spawnp(&process, wish.words[0], &actions, &attributes, words, environ)
    }

    /// Copies what comes until the command has ended.
    ///
    /// - Returns: how it ended.
    private static func follow(
        _ process: pid_t, _ output: OutputPipe, _ errors: OutputPipe, _ bell: OutputPipe,
        _ wish: Wish
    ) -> String {
        var outputLog = RotatedLog(
            prefix: "\(wish.logs).stdout", filesMax: wish.filesMax, bytesMax: wish.fileBytes)
        var errorLog = RotatedLog(
            prefix: "\(wish.logs).stderr", filesMax: wish.filesMax, bytesMax: wish.fileBytes)
        while true {
            // It is looked for once the bell is empty: what ends afterwards rings again.
            bell.empty()
            if let end = reap(process) {
                output.drain(into: &outputLog)
                errors.drain(into: &errorLog)
                return end
            }
            var places = [output.place, errors.place, bell.place]
            guard unsafe poll(&places, 3, -1) > 0 else { continue }
            if places[0].revents != 0 { output.copy(into: &outputLog) }
            if places[1].revents != 0 { errors.copy(into: &errorLog) }
        }
    }

    /// nil while it runs. What is left of its group is killed before its id is anybody else's.
    private static func reap(_ process: pid_t) -> String? {
        var facts = unsafe siginfo_t()
        let found = unsafe waitid(P_PID, id_t(process), &facts, WEXITED | WNOHANG | WNOWAIT)
        guard unsafe found == 0 && facts.si_signo == SIGCHLD else { return nil }
        kill(-process, SIGKILL)
        var status: Int32 = 0
        guard unsafe waitpid(process, &status, 0) == process else { return nil }
        let signal = status & 0x7F
        return signal == 0 ? "code \(status >> 8 & 0xFF)" : "signal \(signal)"
    }

    /// A byte goes into the pipe whenever a child has ended.
    private static func ring(_ bell: OutputPipe) {
        bellWriter.store(bell.writer, ordering: .relaxed)
        _ = fcntl(bell.writer, F_SETFL, O_NONBLOCK)
        _ = signal(SIGCHLD) { _ in
            let saved = errno
            var byte: UInt8 = 1
            // SAFETY: the byte outlives the call.
            unsafe _ = write(bellWriter.load(ordering: .relaxed), &byte, 1)
            errno = saved
        }
    }

    // MARK: Files

    private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Writes a small file that is there complete or not at all, and durable when this returns.
    private static func leave(_ text: String, at path: String) -> Bool {
        let temporary = path + ".tmp"
        let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return false }
        let bytes = Array("\(text)\n".utf8)
        // SAFETY: the pointer is used within the closure only.
        let count = unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        let isDurable = count == bytes.count && fsync(file) == 0
        close(file)
        guard isDurable, unsafe rename(temporary, path) == 0,
            let slash = path.lastIndex(of: "/")
        else { return false }
        let folder = unsafe open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return false }
        defer { close(folder) }
        return fsync(folder) == 0
    }
}

/// For the handler of SIGCHLD, which can reach nothing else.
private let bellWriter = Atomic<Int32>(-1)
