//! One zstd stream per key interval, flushed after every frame.
//!
//! A stream that remembers the frames before halves what each frame takes; the flush makes its
//! bytes decodable as soon as they are whole. The streams never end: the next key frame starts a
//! new one, and a reader stops where the bytes stop.

use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective,
    get_error_name, zstd_sys::ZSTD_EndDirective,
};

use super::FRAME_LIMIT;
use super::varint::CodecError;

/// 6 % smaller than level 3 for a tenth of a millisecond more; higher ones save 1 %.
const LEVEL: i32 = 6;
/// 256 KiB: the default window takes three times the memory and saves 0.8 %.
const WINDOW_LOG: u32 = 18;
/// 65,536 places of earlier bytes: with those of the level a stream takes 2.5 MiB more and saves 1 %.
const TABLE_LOG: u32 = 16;
/// What a stream may ask a reader to keep: 2 MiB.
const WINDOW_LOG_LIMIT: u32 = 21;
/// By how much a buffer grows when zstd has more to say.
const STEP: usize = 16 << 10;

fn failed(offset: usize) -> impl Fn(ErrorCode) -> CodecError {
    move |code| CodecError { offset, reason: get_error_name(code) }
}

const OUT_OF_MEMORY: CodecError = CodecError { offset: 0, reason: "no memory for a zstd stream" };

/// The writing end.
pub(super) struct Deflate(CCtx<'static>);

impl Deflate {
    pub fn new() -> Result<Deflate, CodecError> {
        let mut stream = CCtx::try_create().ok_or(OUT_OF_MEMORY)?;
        let parameters = [
            CParameter::CompressionLevel(LEVEL),
            CParameter::WindowLog(WINDOW_LOG),
            CParameter::HashLog(TABLE_LOG),
            CParameter::ChainLog(TABLE_LOG),
        ];
        for parameter in parameters {
            stream.set_parameter(parameter).map_err(failed(0))?;
        }
        Ok(Deflate(stream))
    }

    /// Forgets the frames so far.
    pub fn restart(&mut self) -> Result<(), CodecError> {
        self.0.reset(ResetDirective::SessionOnly).map_err(failed(0))?;
        Ok(())
    }

    /// Appends the frame's bytes to `out`, whole.
    pub fn frame(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut input = InBuffer::around(body);
        loop {
            out.reserve(STEP);
            let written = out.len();
            let mut output = OutBuffer::around_pos(out, written);
            let left = self
                .0
                .compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_flush)
                .map_err(failed(input.pos()))?;
            if left == 0 && input.pos() == body.len() {
                return Ok(());
            }
        }
    }

    /// Bytes that the stream takes.
    pub fn memory(&self) -> usize {
        self.0.sizeof()
    }
}

/// The reading end.
pub(super) struct Inflate(DCtx<'static>);

impl Inflate {
    pub fn new() -> Result<Inflate, CodecError> {
        let mut stream = DCtx::try_create().ok_or(OUT_OF_MEMORY)?;
        stream.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_LIMIT)).map_err(failed(0))?;
        Ok(Inflate(stream))
    }

    /// Forgets the frames so far.
    pub fn restart(&mut self) -> Result<(), CodecError> {
        self.0.reset(ResetDirective::SessionOnly).map_err(failed(0))?;
        Ok(())
    }

    /// Appends the frame's body to `out`, which may grow to `limit` bytes.
    pub fn frame(
        &mut self,
        payload: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let mut input = InBuffer::around(payload);
        let start = out.len();
        loop {
            if out.len() >= limit || out.len() - start >= FRAME_LIMIT {
                return Err(CodecError { offset: input.pos(), reason: "frame too large" });
            }
            out.reserve(STEP.min(limit - out.len()));
            let written = out.len();
            let mut output = OutBuffer::around_pos(out, written);
            self.0.decompress_stream(&mut output, &mut input).map_err(failed(input.pos()))?;
            let room = output.capacity() - output.pos();
            if input.pos() == payload.len() && room > 0 {
                return Ok(());
            }
        }
    }
}
