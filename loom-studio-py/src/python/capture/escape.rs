//! Text as JSON strings, many bytes at a time.
//!
//! Almost all text of an event needs no escape, so the inner loop copies blocks and looks at each only with a few
//! instructions: SSE2 where it is part of the architecture, eight bytes in an integer elsewhere and for what is left
//! over (the byte tests of *Bit Twiddling Hacks*, S. E. Anderson).

#![expect(
    clippy::cast_ptr_alignment,
    reason = "every load and store of a block is one that needs no alignment"
)]
#![expect(
    unsafe_code,
    reason = "blocks are loaded and stored through pointers; each says why it may"
)]

/// A block may be stored whole although only its beginning counts: so much room beyond the text is reserved.
const SLACK: usize = 16;
const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES * 0x80;

/// Appends UTF-8 `text` as a JSON string with its quotes.
#[inline]
pub(super) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2 + SLACK);
    let start = out.len();
    // SAFETY: there is room for the text, two quotes and `SLACK` bytes, and `copy_clean` writes no further than the text
    // and the slack. The bytes up to the new length are initialised.
    let clean = unsafe {
        let to = out.as_mut_ptr().add(start);
        *to = b'"';
        let clean = copy_clean(text, to.add(1));
        *to.add(1 + clean) = b'"';
        out.set_len(start + 1 + clean + usize::from(clean == text.len()));
        clean
    };
    if clean < text.len() {
        push_rest(out, text.get(clean..).unwrap_or_default());
    }
}

/// Goes on with a string at a byte that needs an escape, and ends it.
#[cold]
fn push_rest(out: &mut Vec<u8>, rest: &[u8]) {
    push_escaped(out, rest);
    out.push(b'"');
}

/// Appends UTF-8 `text` as the inside of a JSON string.
pub(super) fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let clean = push_clean(out, rest);
        let Some((&byte, tail)) = rest.get(clean..).and_then(<[u8]>::split_first) else {
            return;
        };
        push_escape(out, byte);
        rest = tail;
    }
}

#[cold]
fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends the longest beginning of `text` that needs no escape, and says how long it is.
fn push_clean(out: &mut Vec<u8>, text: &[u8]) -> usize {
    out.reserve(text.len() + SLACK);
    let length = out.len();
    // SAFETY: the vector has room for `text.len() + SLACK` more bytes, and `copy_clean` writes no further. The bytes
    // up to what it returns are initialised.
    unsafe {
        let clean = copy_clean(text, out.as_mut_ptr().add(length));
        out.set_len(length + clean);
        clean
    }
}

/// Copies the longest beginning of `text` that needs no escape to `to`, and says how long it is.
///
/// # Safety
/// `to` is valid for writes of `text.len() + SLACK` bytes and doesn't overlap `text`.
#[inline]
unsafe fn copy_clean(text: &[u8], to: *mut u8) -> usize {
    let (from, length) = (text.as_ptr(), text.len());
    #[cfg(target_arch = "x86_64")]
    if length >= 16 {
        let mut done = 0;
        while length - done >= 16 {
            // SAFETY: 16 bytes are left to read, and there is room for them.
            let dirty = unsafe { copy_block(from.add(done), to.add(done)) };
            if dirty != 0 {
                return done + dirty.trailing_zeros() as usize;
            }
            done += 16;
        }
        if done == length {
            return length;
        }
        // The last block overlaps what is known to be clean.
        let last = length - 16;
        // SAFETY: the last 16 bytes of the text, and of the room for it.
        let dirty = unsafe { copy_block(from.add(last), to.add(last)) };
        return if dirty == 0 {
            length
        } else {
            last + dirty.trailing_zeros() as usize
        };
    }
    // SAFETY: as this function's.
    unsafe { copy_clean_words(from, length, to) }
}

/// [`copy_clean`] eight bytes at a time.
///
/// # Safety
/// `from` is valid for reads of `length` bytes, `to` for writes of `length + SLACK`.
#[inline]
unsafe fn copy_clean_words(from: *const u8, length: usize, to: *mut u8) -> usize {
    let mut done = 0;
    while length - done >= 8 {
        // SAFETY: 8 bytes are left to read, and there is room for them; neither need be aligned.
        let dirty = unsafe {
            let word = from.add(done).cast::<u64>().read_unaligned();
            to.add(done).cast::<u64>().write_unaligned(word);
            needs_escape(u64::from_le(word))
        };
        if dirty != 0 {
            return done + dirty.trailing_zeros() as usize / 8;
        }
        done += 8;
    }
    // SAFETY: fewer than 8 bytes are left; `to` has `SLACK` bytes beyond the text.
    let dirty = unsafe {
        let word = read_few(from.add(done), length - done);
        to.add(done).cast::<u64>().write_unaligned(word.to_le());
        needs_escape(word)
    };
    if dirty == 0 {
        length
    } else {
        done + dirty.trailing_zeros() as usize / 8
    }
}

/// Fewer than 8 bytes, the first lowest, and spaces, which need no escape, for the rest.
///
/// # Safety
/// `from` is valid for reads of `count` bytes, `count` is below 8.
#[inline]
unsafe fn read_few(from: *const u8, count: usize) -> u64 {
    const SPACES: u64 = ONES * 0x20;
    // SAFETY: every read lies within `count` bytes; where two overlap they read the same.
    let bytes = unsafe {
        match count {
            0 => return SPACES,
            1..4 => {
                let (first, middle, last) = (*from, *from.add(count / 2), *from.add(count - 1));
                u64::from(first)
                    | u64::from(middle) << (count / 2 * 8)
                    | u64::from(last) << ((count - 1) * 8)
            }
            _ => {
                let low = u32::from_le(from.cast::<u32>().read_unaligned());
                let high = u32::from_le(from.add(count - 4).cast::<u32>().read_unaligned());
                u64::from(low) | u64::from(high) << ((count - 4) * 8)
            }
        }
    };
    bytes | SPACES << (count * 8)
}

/// Copies 16 bytes; bit `i` of the answer says that byte `i` needs an escape.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of 16 bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn copy_block(from: *const u8, to: *mut u8) -> i32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_max_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_storeu_si128,
    };
    // SAFETY: SSE2 is part of x86-64; loads and stores are the unaligned ones, of 16 bytes.
    unsafe {
        let block = _mm_loadu_si128(from.cast::<__m128i>());
        _mm_storeu_si128(to.cast::<__m128i>(), block);
        // `max(byte, 0x1f) == 0x1f` is `byte < 0x20` without a sign.
        let control = _mm_cmpeq_epi8(
            _mm_max_epu8(block, _mm_set1_epi8(0x1f)),
            _mm_set1_epi8(0x1f),
        );
        let quote = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x22));
        let backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x5c));
        _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash)))
    }
}

/// The high bit of each byte below 0x20 or equal to `"` or `\`. Bits above the lowest set one may be false.
const fn needs_escape(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (control | quote | backslash) & !word & HIGH
}
