// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc

/// A mutual exclusion lock with one condition to wait on.
///
/// ThreadSanitizer understands pthread's mutex; it takes `Synchronization.Mutex` for a race.
@safe
// SAFETY: `state` is only touched while `mutex` is held; the two pointers never change.
final class Lock<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    init(_ state: State) {
        self.state = state
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe Self.succeed(pthread_mutex_init(mutex, nil))
        unsafe Self.succeed(pthread_cond_init(condition, nil))
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        unsafe Self.succeed(pthread_mutex_lock(mutex))
        defer { unsafe Self.succeed(pthread_mutex_unlock(mutex)) }
        return body(&state)
    }

    /// Waits until `body`, called under the lock, gives something.
    func wait<Result>(for body: (inout State) -> Result?) -> Result {
        unsafe Self.succeed(pthread_mutex_lock(mutex))
        defer { unsafe Self.succeed(pthread_mutex_unlock(mutex)) }
        while true {
            if let result = body(&state) { return result }
            unsafe Self.succeed(pthread_cond_wait(condition, mutex))
        }
    }

    /// Lets every waiter look again.
    func notify() { unsafe Self.succeed(pthread_cond_broadcast(condition)) }

    private static func succeed(_ code: Int32) {
        precondition(code == 0, "pthread call failed with \(code)")
    }
}

/// Carries a value of the loop's thread through `@Sendable` closures that are opened on it.
// SAFETY: made and opened on the loop's thread; in between it is moved, never looked into.
struct Carried<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}

/// Starts a detached thread, named as in `ps`, whose name Linux cuts at 15 bytes.
///
/// - Returns: false when the system has no thread left.
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    let start = unsafe Unmanaged.passRetained(
        Start(String(decoding: name.utf8.prefix(15), as: UTF8.self), body))
    var thread = pthread_t()
    let code = unsafe pthread_create(
        &thread, nil,
        { argument in
            guard let argument = unsafe argument else { return nil }
            let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
            unsafe _ = cuv_name_thread(start.name)
            start.body()
            return nil
        }, start.toOpaque())
    guard code == 0 else {
        unsafe start.release()
        return false
    }
    pthread_detach(thread)
    return true
}
