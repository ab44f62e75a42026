//! The part of JSON (RFC 8259) that a safetensors header uses: objects, strings, and lists of whole numbers.

use super::FileError;
use alloc::string::String;
use alloc::vec::Vec;

/// A place in a text. Nothing here calls itself, so no text can make the stack overflow.
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// An error at this place.
    pub(crate) fn wrong<T>(&self, why: &'static str) -> Result<T, FileError> {
        Err(FileError::Json { at: self.at, why })
    }

    /// The next byte behind any white space; `None` at the end.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Takes `byte`, behind any white space.
    pub(crate) fn expect(&mut self, byte: u8, why: &'static str) -> Result<(), FileError> {
        if self.peek() != Some(byte) {
            return self.wrong(why);
        }
        self.at += 1;
        Ok(())
    }

    /// Whether a list or object goes on: takes a comma, or the byte that closes it. Before the first element
    /// (`first`) there is no comma.
    pub(crate) fn goes_on(&mut self, close: u8, first: bool) -> Result<bool, FileError> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            _ => self.wrong("a comma or a closing bracket is expected"),
        }
    }

    /// The end of the text.
    pub(crate) fn end(&mut self) -> Result<(), FileError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.wrong("the header must end here"),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self) -> Result<usize, FileError> {
        let why = "a whole number is expected";
        let Some(b'0'..=b'9') = self.peek() else { return self.wrong(why) };
        let start = self.at;
        let mut number = 0usize;
        while let Some(&digit @ b'0'..=b'9') = self.text.get(self.at) {
            match number.checked_mul(10).and_then(|n| n.checked_add((digit - b'0') as usize)) {
                Some(next) => number = next,
                None => return self.wrong("the number is too large"),
            }
            self.at += 1;
        }
        if self.text[start] == b'0' && self.at > start + 1 {
            return self.wrong("a number must not begin with 0");
        }
        match self.text.get(self.at) {
            Some(b'.' | b'e' | b'E') => self.wrong(why),
            _ => Ok(number),
        }
    }

    /// A list of whole numbers.
    pub(crate) fn numbers(&mut self) -> Result<Vec<usize>, FileError> {
        self.expect(b'[', "a list is expected")?;
        let mut numbers = Vec::new();
        while self.goes_on(b']', numbers.is_empty())? {
            numbers.push(self.number()?);
        }
        Ok(numbers)
    }

    /// A string.
    pub(crate) fn string(&mut self) -> Result<String, FileError> {
        self.expect(b'"', "a string is expected")?;
        let mut bytes = Vec::new();
        loop {
            match self.text.get(self.at) {
                None => return self.wrong("the string has no end"),
                Some(b'"') => break,
                Some(b'\\') => {
                    let character = self.escape()?;
                    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                Some(0..0x20) => return self.wrong("a control character must be escaped"),
                Some(&byte) => bytes.push(byte),
            }
            self.at += 1;
        }
        match String::from_utf8(bytes) {
            Ok(string) => {
                self.at += 1;
                Ok(string)
            }
            Err(_) => self.wrong("the string that ends here is not UTF-8"),
        }
    }

    /// The character of an escape sequence, which begins here.
    fn escape(&mut self) -> Result<char, FileError> {
        self.at += 2;
        let character = match self.text.get(self.at - 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte as char,
            Some(b'u') => {
                let unit = self.hexadecimal()?;
                let mut code = unit;
                // The first half of a pair (RFC 8259, section 7); the second must follow.
                if let 0xD800..0xDC00 = unit
                    && self.text[self.at..].starts_with(b"\\u")
                {
                    self.at += 2;
                    let low = self.hexadecimal()?;
                    if let 0xDC00..0xE000 = low {
                        code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                    }
                }
                match char::from_u32(code) {
                    Some(character) => character,
                    None => return self.wrong("half of a pair of surrogates"),
                }
            }
            _ => return self.wrong("no such escape sequence"),
        };
        Ok(character)
    }

    fn hexadecimal(&mut self) -> Result<u32, FileError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.text.get(self.at).and_then(|&byte| (byte as char).to_digit(16));
            let Some(digit) = digit else { return self.wrong("four hexadecimal digits are expected") };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}

/// Writes a string in quotation marks.
pub(crate) fn quote(string: &str, out: &mut String) {
    out.push('"');
    for character in string.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control @ '\0'..'\u{20}' => {
                out.push_str("\\u00");
                for shift in [4, 0] {
                    let digit = (control as u32 >> shift) & 15;
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Result<String, FileError> {
        Reader::new(text.as_bytes()).string()
    }

    #[test]
    fn strings_come_back() {
        for text in ["", "trunk.conv1", "\"\\/\u{8}\u{c}\n\r\t\0\u{1f}", "Grüße 🦀 \u{7f}\u{ffff}"] {
            let mut quoted = String::new();
            quote(text, &mut quoted);
            assert_eq!(string(&quoted).unwrap(), text);
        }
        assert_eq!(string(r#""\u0041\u00e9\ud83e\uDD80\/\b""#).unwrap(), "Aé🦀/\u{8}");
    }

    #[test]
    fn wrong_strings_are_errors() {
        let wrong = [
            r#"""#,
            r#""abc"#,
            r#""\"#,
            r#""\x""#,
            r#""\u12"#,
            r#""\u12g4""#,
            r#""\ud83e""#,
            r#""\ud83eA""#,
            r#""\ud83e\u0041""#,
            r#""\udd80""#,
            r#""\ud83e\ud83e""#,
            "\"\n\"",
            "abc",
            "",
        ];
        for text in wrong {
            assert!(string(text).is_err(), "{text}");
        }
        assert!(Reader::new(b"\"\xff\"").string().is_err());
    }

    #[test]
    fn numbers_are_whole_and_bounded() {
        let number = |text: &str| Reader::new(text.as_bytes()).number();
        assert_eq!(number(" 120,"), Ok(120));
        assert_eq!(number("0]"), Ok(0));
        for text in ["", "-1", "01", "1.5", "1e3", "99999999999999999999999", "x"] {
            assert!(number(text).is_err(), "{text}");
        }
        let numbers = |text: &str| Reader::new(text.as_bytes()).numbers();
        assert_eq!(numbers("[1, 2 ,3]").unwrap(), [1, 2, 3]);
        assert_eq!(numbers("[]").unwrap(), []);
        for text in ["[1,]", "[,1]", "[1 2]", "[1", "1", "[[1]]"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }
}
