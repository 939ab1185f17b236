// SPDX-License-Identifier: Apache-2.0
public import MartletTransport

/// One machine of a ``SimulatedWorld``: a loop, a network stack and a disk that outlives crashes.
///
/// A crash ends a *life*: what was scheduled for it never runs. A restart begins the next one, with
/// a new ``loop``, ``streams`` and ``datagrams`` on the same ``disk`` and ``files``.
public final class SimulatedHost {
    public struct Options: Sendable {
        /// Local time per million units of world time: 1,000,000 is exact. 100,000...10,000,000.
        public var clockRate: Int64 = 1_000_000
        /// What the monotonic clock shows when a life begins.
        public var clockOffset: Duration = .seconds(1)
        /// Time of day when the world begins, in nanoseconds since 1970.
        public var wallClockNanoseconds: Int64 = 1_700_000_000_000_000_000
        /// How long one job on a lane takes.
        public var laneLatency: ClosedRange<Duration> = .microseconds(50)...(.microseconds(500))

        public init() {}
    }

    /// What a crash looks like to peers that hold connections.
    public enum Ending: Sendable {
        /// The kernel lives on and resets them.
        case resetsPeers
        /// Power is gone: they hear nothing.
        case silent
    }

    public let name: String
    public let options: Options
    public let disk: SimulatedDisk
    public let files: SimulatedFiles
    public let crypto: SimulatedCrypto
    public let compression = SimulatedCompression()
    public private(set) var isRunning = true
    /// Those of the present life.
    public private(set) var loop: SimulatedLoop
    public private(set) lazy var streams = SimulatedStreams(host: self)
    public private(set) lazy var datagrams = SimulatedDatagrams(host: self)

    /// 1 for the first host made, and so on: the low part of its address.
    public let number: Int
    private(set) var life: UInt64 = 1
    /// Counts lives, from 1.
    public var lifeNumber: UInt64 { life }
    /// Local time per million units of world time, at this moment.
    public private(set) var clockRate: Int64
    /// How long one job on a lane takes, from the next one on.
    public var laneLatency: ClosedRange<Duration>
    /// True between ``pause()`` and ``resume()``.
    public var isPaused: Bool { loop.isPaused }
    /// Added to the wall clock by ``jumpWallClock(by:)``.
    private(set) var wallClockJump: Int64 = 0
    unowned let world: SimulatedWorld

    init(world: SimulatedWorld, number: Int, name: String, options: Options) {
        precondition(100_000...10_000_000 ~= options.clockRate, "clock rate \(options.clockRate)")
        self.world = world
        self.number = number
        self.name = name
        self.options = options
        clockRate = options.clockRate
        laneLatency = options.laneLatency
        disk = SimulatedDisk(timeline: world.timeline)
        files = SimulatedFiles()
        crypto = SimulatedCrypto(seed: world.timeline.draw())
        loop = SimulatedLoop(
            timeline: world.timeline, number: number, options: options, rate: options.clockRate)
        loop.host = self
        disk.host = self
        files.disk = disk
    }

    /// 10.0.x.y with this port.
    public func address(port: UInt16) -> SocketAddress {
        .ipv4(0x0A00_0000 | UInt32(number), port: port)
    }

    /// Runs `body` at this moment as a turn of the host: how a test enters what lives there, for
    /// instance by `assumeIsolated`. Does nothing on a host that is down.
    ///
    /// - Precondition: not called from within an event.
    public func perform(_ body: () -> Void) { world.perform(on: self, body) }

    /// Moves the time of day, and nothing else.
    public func jumpWallClock(by duration: Duration) {
        wallClockJump &+= duration.wholeNanoseconds
    }

    /// Lets both clocks run at another rate from here on: neither jumps. Timers that are armed fire
    /// by the new rate, like those of a machine whose oscillator changes.
    ///
    /// - Precondition: 100,000...10,000,000.
    public func setClockRate(_ rate: Int64) {
        precondition(100_000...10_000_000 ~= rate, "clock rate \(rate)")
        guard rate != clockRate else { return }
        clockRate = rate
        loop.setRate(rate)
    }

    /// As SIGSTOP: nothing of this host runs, while its clocks go on. What happens to it meanwhile
    /// is seen after ``resume()``, in order.
    public func pause() { loop.isPaused = isRunning }

    /// As SIGCONT.
    public func resume() {
        guard isPaused else { return }
        loop.isPaused = false
        world.releaseHeld(by: self)
    }

    /// Ends this life at once. A job that a lane was just doing has done all, some or none of its
    /// durable writes, by the seed; what waited behind it is lost.
    public func crash(_ ending: Ending = .silent) {
        guard isRunning else { return }
        loop.isPaused = false
        world.dropHeld(by: self)
        loop.crash()
        disk.crash()
        files.crash()
        isRunning = false
        world.network.crash(self, ending)
        loop.isOver = true
        life += 1
    }

    /// Power is cut as soon as the event under way has ended.
    func crashSoon() {
        loop.schedule(.power, at: world.timeline.nanoseconds) { [unowned self] in crash(.silent) }
    }

    /// Begins the next life; does nothing on a host that runs.
    public func restart() {
        guard !isRunning else { return }
        isRunning = true
        loop = SimulatedLoop(
            timeline: world.timeline, number: number, options: options, rate: clockRate)
        loop.host = self
        streams = SimulatedStreams(host: self)
        datagrams = SimulatedDatagrams(host: self)
        world.network.restart(self)
    }

    func schedule(
        _ kind: Timeline.Kind, at time: Int64, detail: Int = 0, _ body: @escaping () -> Void
    ) {
        loop.schedule(kind, at: time, detail: detail, body)
    }
}
