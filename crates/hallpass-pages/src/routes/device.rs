//! `/device` and `/device/done`

use hallpass_http::{ClientAddr, Problem, Response};
use hallpass_provider::endpoints::{CodeEntered, discovery};
use hallpass_types::Params;
use http::{HeaderValue, StatusCode, header::RETRY_AFTER, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, is_answer, read_only};
use crate::{
    Page,
    view::{Device, DeviceDone, DeviceError},
};

/// The field, and the parameter of `verification_uri_complete`.
const CODE: &str = "user_code";
/// A code in an address that is longer than this is none.
const MAX_CODE: usize = 64;

impl PageRoutes {
    pub(super) async fn device<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        if !is_answer(head)? {
            // An address with a code only fills the form: it is looked at when the person sends it.
            //= RFC8628#3.3.1 SHOULD: the code is shown to be compared, also where it came along with the address
            let query = head.uri.query().unwrap_or_default();
            let params = Params::parse(query.as_bytes()).unwrap_or_default();
            let carried = params.get(CODE).filter(|code| code.len() <= MAX_CODE);
            return Ok(self.device_page(
                carried.unwrap_or_default(),
                carried.is_some(),
                None,
                None,
            ));
        }
        let form = self.posted(head, body).await?;
        let typed = form.get(CODE).unwrap_or_default();
        let browser = self.browser(head);
        let peer = head.extensions.get::<ClientAddr>().map(|peer| peer.0);
        let entered = self
            .provider()
            .device_code_entered(typed, &browser, peer)
            .await?;
        Ok(match entered {
            CodeEntered::Known(answered) => self.endpoints.answer(Ok(*answered)),
            CodeEntered::Unknown => {
                self.device_page(typed, false, Some(DeviceError::Unknown), None)
            }
            CodeEntered::Throttled { retry_after } => {
                let error = Some(DeviceError::Throttled);
                self.device_page(typed, false, error, Some(retry_after))
            }
        })
    }

    fn device_page(
        &self,
        code: &str,
        carried: bool,
        error: Option<DeviceError>,
        retry_after: Option<u32>,
    ) -> Response {
        let issuer = self.pages.issuer();
        let address = carried.then(|| {
            let query = Params::from_pairs([(CODE, code)]).to_query();
            issuer.url(&format!("{}?{query}", discovery::DEVICE))
        });
        let page = Page::Device(Device {
            action: &format!("{}{}", issuer.path(), discovery::DEVICE),
            user_code: code,
            carried,
            error,
            retry_after: retry_after.map(u64::from),
            address: address.as_deref(),
        });
        let status = match error {
            Some(DeviceError::Throttled) => StatusCode::TOO_MANY_REQUESTS,
            Some(DeviceError::Unknown) | None => StatusCode::OK,
        };
        let mut response = self.page(status, page);
        if let Some(seconds) = retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }

    pub(super) async fn device_done(&self, head: &Head) -> Result<Response, Problem> {
        read_only(head)?;
        let done = self.provider().device_done(handle_of(head)?).await?;
        let page = Page::DeviceDone(DeviceDone {
            client: self.pages.client(&done.client),
            allowed: done.allowed,
        });
        Ok(self.page(StatusCode::OK, page))
    }
}
