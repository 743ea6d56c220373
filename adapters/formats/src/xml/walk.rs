//! Walking a document without a tree of it.

use std::borrow::Cow;

use super::{Element, Reader, Token, XmlError, XmlErrorKind};

impl<'a> Reader<'a> {
    /// The root element. Call it first.
    ///
    /// # Errors
    /// What is wrong with the document up to there.
    pub fn root(&mut self) -> Result<Element<'a>, XmlError> {
        match self.next()? {
            Some(Token::Start(root)) => Ok(root),
            _ => Err(XmlError::new(XmlErrorKind::NoRoot, 0)),
        }
    }

    /// Walks the children of the element that began last, to its end. `visit` may read a child to its end, in part or
    /// not at all; what it leaves is skipped. Text between the children is skipped too.
    ///
    /// # Errors
    /// What is wrong with the document, or what `visit` says.
    pub fn children<E: From<XmlError>>(
        &mut self,
        mut visit: impl FnMut(&mut Self, &Element<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let depth = self.depth();
        while self.depth() >= depth {
            if let Some(Token::Start(child)) = self.next()? {
                let inside = self.depth();
                visit(self, &child)?;
                self.leave(inside)?;
            }
        }
        Ok(())
    }

    /// The text of the element that began last, to its end.
    ///
    /// # Errors
    /// [`XmlErrorKind::UnexpectedElement`] if it has a child, or what is wrong with the document.
    pub fn text_only(&mut self) -> Result<Cow<'a, str>, XmlError> {
        match self.next()? {
            Some(Token::Text(text)) => match self.next()? {
                Some(Token::Start(child)) => {
                    Err(XmlError::new(XmlErrorKind::UnexpectedElement, child.offset))
                }
                _ => Ok(text),
            },
            Some(Token::Start(child)) => Err(XmlError::new(XmlErrorKind::UnexpectedElement, child.offset)),
            _ => Ok(Cow::Borrowed("")),
        }
    }

    /// Skips to the end of the element that began last.
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn skip(&mut self) -> Result<(), XmlError> {
        self.leave(self.depth())
    }

    /// Reads what follows the root to the end of the document: without it, a second root goes unnoticed.
    ///
    /// # Errors
    /// What is wrong with the rest of the document.
    pub fn finish(&mut self) -> Result<(), XmlError> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// Skips until fewer than `inside` elements are open.
    fn leave(&mut self, inside: usize) -> Result<(), XmlError> {
        while self.depth() >= inside && self.next()?.is_some() {}
        Ok(())
    }
}
