//! Photographs of the visitor's, decoded by the browser and brought to the size that the networks see.
//!
//! Invariant: a decoded image is read some rows at a time, so that sixty megapixels need no more memory of
//! ours than a strip; what the browser cannot decode is an error with its reason.

use super::loader::blob;
use crate::data::images::Images;
use crate::data::resample::{Resample, Resampler};
use crate::thrown::message_of;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    ImageBitmap, ImageBitmapOptions, ImageOrientation, OffscreenCanvas,
    OffscreenCanvasRenderingContext2d, PremultiplyAlpha, WorkerGlobalScope,
};

/// Longest side of the small copy that stands for the original, in pixels.
const THUMB: f64 = 96.0;

/// Pixels of a strip.
const STRIP: u32 = 1 << 20;

/// Most pixels of an image: beyond it browsers do not decode.
const MOST: f64 = 268e6;

/// A photograph as the model sees it, with a small copy of the original.
pub struct Photo {
    pub width: u32,
    pub height: u32,
    pub image: Images,
    pub thumb: (u32, u32),
    /// RGBA bytes.
    pub thumb_rgba: Vec<u8>,
}

impl Photo {
    /// Reads the image behind a URL of the page's own; of a moving one, its first picture.
    ///
    /// # Errors
    /// In words for the visitor.
    pub async fn read(url: &str, how: Resample) -> Result<Self, String> {
        let file = blob(url).await?;
        if file.size() == 0.0 {
            return Err("the file is empty".into());
        }
        let options = ImageBitmapOptions::new();
        // Turned as the camera was held; transparency is laid over the background by ourselves.
        options.set_image_orientation(ImageOrientation::FromImage);
        options.set_premultiply_alpha(PremultiplyAlpha::None);
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let decode = async {
            let promise =
                scope.create_image_bitmap_with_blob_and_image_bitmap_options(&file, &options)?;
            JsFuture::from(promise).await
        };
        let decoded: Result<JsValue, JsValue> = decode.await;
        let bitmap: ImageBitmap = decoded
            .map_err(|_| "this browser cannot read it as an image".to_owned())?
            .unchecked_into();
        let photo = Self::of(&bitmap, how);
        bitmap.close();
        photo
    }

    fn of(bitmap: &ImageBitmap, how: Resample) -> Result<Self, String> {
        let (width, height) = (bitmap.width(), bitmap.height());
        if width == 0 || height == 0 {
            return Err("the image has no pixels".into());
        }
        if f64::from(width) * f64::from(height) > MOST {
            return Err(format!("{width} by {height} pixels are too many"));
        }
        let mut resampler = Resampler::new(width as usize, height as usize, how);
        let strip = (STRIP / width).clamp(1, height);
        let sheet = sheet(width, strip)?;
        for first in (0..height).step_by(strip as usize) {
            let rows = strip.min(height - first);
            let rgba = draw(&sheet, (width, rows), |context| {
                context.draw_image_with_image_bitmap(bitmap, 0.0, -f64::from(first))
            })?;
            resampler.take(first as usize, &rgba);
        }
        let shrink = (THUMB / f64::from(width.max(height))).min(1.0);
        let side = |length: u32| (f64::from(length) * shrink).round().max(1.0) as u32;
        let thumb = (side(width), side(height));
        let small = self::sheet(thumb.0, thumb.1)?;
        let thumb_rgba = draw(&small, thumb, |context| {
            let (width, height) = (f64::from(thumb.0), f64::from(thumb.1));
            context.draw_image_with_image_bitmap_and_dw_and_dh(bitmap, 0.0, 0.0, width, height)
        })?;
        Ok(Self {
            width,
            height,
            image: resampler.finish(),
            thumb,
            thumb_rgba,
        })
    }
}

fn sheet(width: u32, height: u32) -> Result<OffscreenCanvasRenderingContext2d, String> {
    let said = |error: JsValue| message_of(&error);
    let canvas = OffscreenCanvas::new(width, height).map_err(said)?;
    let context = canvas.get_context("2d").map_err(said)?;
    let context = context.ok_or("the browser gives no canvas to read the image from")?;
    Ok(context.unchecked_into())
}

/// Clears the sheet, draws on it, and reads it back.
fn draw(
    context: &OffscreenCanvasRenderingContext2d,
    (width, height): (u32, u32),
    draw: impl Fn(&OffscreenCanvasRenderingContext2d) -> Result<(), JsValue>,
) -> Result<Vec<u8>, String> {
    let read = || {
        context.clear_rect(0.0, 0.0, f64::from(width), f64::from(height));
        draw(context)?;
        let data = context.get_image_data(0.0, 0.0, f64::from(width), f64::from(height))?;
        Ok(data.data().0)
    };
    read().map_err(|error: JsValue| message_of(&error))
}
